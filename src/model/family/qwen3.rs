//! Qwen 3 (arXiv 2505.09388): norms of the heads of q and k.

use super::Family;
use crate::model::{Attention, Layer, RopeStyle};

pub(super) static FAMILY: Family = Family {
    name: "qwen3",
    plan: |shape| {
        let attention = Attention { qk_norm: true, ..shape.attention() };
        shape.uniform(Layer::new(attention, shape.ff), RopeStyle::Halves)
    },
    ..Family::USUAL
};
