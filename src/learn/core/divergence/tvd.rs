//! Total variation distance, `1/2 sum |p - q|`: exactly 1 - acceptance. Logits' gradient `-q (r - A)` with `r = 1[p > q]`
//! and `A = sum q r`; it vanishes where there is next to no overlap, so warm up with another divergence.

use burn::tensor::Tensor;

use super::rows::sum;
use super::{Divergence, Rows};

/// What acceptance loses.
#[derive(Debug)]
pub struct Tvd;

impl Divergence for Tvd {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        sum((rows.p.clone() - rows.q()).abs()) * 0.5
    }
}
