//! Divergences between the target's distribution `p` and the draft's `q`: what distilling minimises. One file each, one
//! line in [`DIVERGENCES`] (DistillSpec, arXiv 2310.08461, compares most of them).
//!
//! They work on [`Rows`]: a distribution over *buckets* a row. Buckets are single ids, or the ids that the target finds
//! most likely and one bucket for all others; for a divergence that makes no difference.

mod forward_kl;
mod hard;
mod jsd;
mod likelihood;
mod reverse_kl;
mod rows;
mod specific;
#[cfg(test)]
mod tabular;
#[cfg(test)]
mod tests;
mod tvd;
mod tvdpp;

use burn::tensor::Tensor;

use super::{error::Error, table};

pub use rows::Rows;

/// What distilling minimises.
pub trait Divergence: Send + Sync {
    /// One value a row: `[rows]`. Gradients reach the draft through [`Rows::log_q`] (and [`Rows::label`]) alone.
    fn loss(&self, rows: &Rows) -> Tensor<1>;
}

/// A divergence that can be chosen by name.
pub struct Spec {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Makes one; `beta` is for those that have such a parameter.
    pub make: fn(beta: f32) -> Box<dyn Divergence>,
}

/// Every divergence.
pub static DIVERGENCES: [Spec; 10] = [
    Spec { name: "fkl", about: "KL(p || q)", make: |_| Box::new(forward_kl::ForwardKl) },
    Spec { name: "rkl", about: "KL(q || p)", make: |_| Box::new(reverse_kl::ReverseKl) },
    Spec {
        name: "jsd",
        about: "generalised Jensen-Shannon, with --beta",
        make: |beta| Box::new(jsd::Jsd { beta }),
    },
    Spec { name: "tvd", about: "total variation: 1 - acceptance", make: |_| Box::new(tvd::Tvd) },
    Spec {
        name: "tvdpp-global",
        about: "TVD as policy gradient, reward normalised over the batch",
        make: |_| Box::new(tvdpp::TvdPp { scope: tvdpp::Scope::Global }),
    },
    Spec {
        name: "tvdpp-perpos",
        about: "the same, reward normalised at each position",
        make: |_| Box::new(tvdpp::TvdPp { scope: tvdpp::Scope::PerPosition }),
    },
    Spec {
        name: "tvdpp-sampled",
        about: "the same from one sampled token a position",
        make: |_| Box::new(tvdpp::TvdPp { scope: tvdpp::Scope::Sampled }),
    },
    Spec { name: "lk", about: "-log of the acceptance", make: |_| Box::new(likelihood::Likelihood) },
    Spec {
        name: "ce",
        about: "cross entropy on the text's own tokens (SeqKD)",
        make: |_| Box::new(hard::Hard),
    },
    Spec {
        name: "g2sd",
        about: "half fkl, half ce: the task-specific stage of G2SD",
        make: |_| Box::new(specific::Specific),
    },
];

/// The divergence called `name`.
///
/// # Errors
/// [`Error::Unknown`] where [`DIVERGENCES`] has no such line.
pub fn by_name(name: &str, beta: f32) -> Result<Box<dyn Divergence>, Error> {
    let spec = table::find("divergence", &DIVERGENCES, name, |spec| spec.name)?;
    Ok((spec.make)(beta))
}
