//! The specific stage of G2SD (arXiv 2302.14771): half the target's distribution, half the tokens that it chose.

use burn::tensor::Tensor;

use super::{Divergence, Rows, forward_kl::ForwardKl, hard::Hard};

/// `KL(p || q) / 2 - log q(token) / 2`.
#[derive(Debug)]
pub struct Specific;

impl Divergence for Specific {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        (ForwardKl.loss(rows) + Hard.loss(rows)) * 0.5
    }
}
