//! Cross entropy on hard labels: the tokens that the target's text goes on with (SeqKD). Rows whose token the draft cannot
//! say count nothing.

use burn::tensor::Tensor;

use super::{Divergence, Rows};

/// `-log q(token)`.
#[derive(Debug)]
pub struct Hard;

impl Divergence for Hard {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        rows.label.clone().neg() * rows.sayable.clone()
    }
}
