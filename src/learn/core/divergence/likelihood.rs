//! `-log sum min(p, q)` (LK losses, arXiv 2602.23881): total variation with a gradient that does not vanish where there
//! is little overlap, since it is divided by the overlap.

use burn::tensor::Tensor;

use super::rows::FLOOR;
use super::{Divergence, Rows};

/// The negative log of the acceptance.
#[derive(Debug)]
pub struct Likelihood;

impl Divergence for Likelihood {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        rows.overlap().clamp_min(FLOOR).log().neg()
    }
}
