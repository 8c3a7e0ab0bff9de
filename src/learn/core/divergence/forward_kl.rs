//! Forward KL, `sum p log(p / q)`: logits' gradient `q - p`.

use burn::tensor::Tensor;

use super::rows::sum;
use super::{Divergence, Rows};

/// KL of the draft from the target: mass-covering.
#[derive(Debug)]
pub struct ForwardKl;

impl Divergence for ForwardKl {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        sum(rows.p.clone() * (rows.log_p() - rows.log_q.clone()))
    }
}
