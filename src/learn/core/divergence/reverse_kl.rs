//! Reverse KL, `sum q log(q / p)`: logits' gradient `q (log(q / p) - RKL)`.

use burn::tensor::Tensor;

use super::rows::sum;
use super::{Divergence, Rows};

/// KL of the target from the draft: mode-seeking.
#[derive(Debug)]
pub struct ReverseKl;

impl Divergence for ReverseKl {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        sum(rows.q() * (rows.log_q.clone() - rows.log_p()))
    }
}
