//! Qwen 2 and 2.5 (arXiv 2407.10671): biases of q, k and v.

use super::Family;
use crate::model::{Attention, Layer, RopeStyle};

pub(super) static FAMILY: Family = Family {
    name: "qwen2",
    plan: |shape| {
        let attention = Attention { bias: true, ..shape.attention() };
        shape.uniform(Layer::new(attention, shape.ff), RopeStyle::Halves)
    },
    ..Family::USUAL
};
