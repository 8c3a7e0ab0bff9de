//! Generalised Jensen-Shannon divergence (GKD, arXiv 2306.13649): `beta KL(p || m) + (1 - beta) KL(q || m)` with
//! `m = beta p + (1 - beta) q`. Logits' gradient `q (g - sum q g)` with `g = (1 - beta) log(q / m)`.

use burn::tensor::Tensor;

use super::rows::{FLOOR, sum};
use super::{Divergence, Rows};

/// Between forward KL (`beta` towards 0) and reverse KL (towards 1); 0.5 is the symmetric one.
#[derive(Debug)]
pub struct Jsd {
    /// The target's weight in the mixture, between 0 and 1.
    pub beta: f32,
}

impl Divergence for Jsd {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        let (p, q) = (rows.p.clone(), rows.q());
        let m = p.clone() * self.beta + q.clone() * (1.0 - self.beta);
        let log_m = m.clamp_min(FLOOR).log();
        let of_p = sum(p * (rows.log_p() - log_m.clone()));
        let of_q = sum(q * (rows.log_q.clone() - log_m));
        of_p * self.beta + of_q * (1.0 - self.beta)
    }
}
