//! Optimizers, by name: one line each in [`OPTIMIZERS`]. All take steps relative to the weights (see [`super::relative`]).

use burn::grad_clipping::GradientClippingConfig;
use burn::module::ParamGroup;
use burn::optim::{AdamW, AdamWConfig, AdjustLrFn, ModuleOptimizer, MuonConfig};

use super::error::Error;
use super::relative::Relative;
use super::table;

/// An optimizer that can be chosen by name.
pub struct Spec {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Makes one.
    pub make: fn() -> ModuleOptimizer,
}

/// Every optimizer.
pub static OPTIMIZERS: [Spec; 2] = [
    Spec { name: "adamw", about: "AdamW: the cheapest step", make: || ModuleOptimizer::from(adamw()) },
    Spec {
        name: "muon",
        about: "Muon for matrices, AdamW for norms: fewer and dearer steps, at about three times the learning rate",
        make: || {
            // A step as large as AdamW's where its signs are random (arXiv 2502.16982, section 2.2).
            let muon = MuonConfig::new().with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW).build();
            let matrices = ParamGroup::from_predicate("weight");
            ModuleOptimizer::from(adamw()).with_group(matrices, Relative(muon), None)
        },
    },
];

/// The optimizer called `name`.
///
/// # Errors
/// [`Error::Unknown`] where [`OPTIMIZERS`] has no such line.
pub fn by_name(name: &str) -> Result<ModuleOptimizer, Error> {
    let spec = table::find("optimizer", &OPTIMIZERS, name, |spec| spec.name)?;
    Ok((spec.make)().with_grad_clipping(GradientClippingConfig::Norm(1.0).init()))
}

fn adamw() -> Relative<AdamW> {
    Relative(AdamWConfig::new().with_beta_2(0.98).with_weight_decay(0.0).with_epsilon(1e-8).build())
}
