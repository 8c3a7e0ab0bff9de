//! Phi 3 and 4 mini (arXiv 2404.14219): q, k and v in one tensor, gate and up in another, rope for long contexts.

use super::Family;
use crate::model::keys::Shape;
use crate::model::{Attention, Error, Factors, Layer, Plan, Role, Rope, RopeStyle};

pub(super) static FAMILY: Family = Family {
    name: "phi3",
    plan,
    computes: &["attention.sliding_window", "rope.scaling.attn_factor"],
    tensors: &[(Role::Qkv, "attn_qkv.weight"), (Role::GateUp, "ffn_up.weight")],
    example: &[
        ("attention.sliding_window", 9.0),
        ("rope.scaling.original_context_length", 32.0),
        ("rope.scaling.attn_factor", 1.25),
    ],
};

fn plan(shape: &Shape<'_>) -> Result<Plan, Error> {
    let keys = &shape.keys;
    let rope = match keys.scaling()? {
        Some("longrope") => shape.plain_rope(RopeStyle::Halves)?,
        _ => shape.rope(RopeStyle::Halves)?,
    };
    let original_context = keys.optional_size("rope.scaling.original_context_length", 1 << 24)?;
    let factors = Factors::ByContext { original_context: original_context.unwrap_or(shape.context) };
    let magnitude = keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
    // llama.cpp leaves the window out, and is another model than transformers beyond it.
    let attention = Attention { window: shape.within_context(shape.window(None)?), ..shape.attention() };
    Ok(Plan::uniform(shape.layers, Layer::new(attention, shape.ff), Rope { factors, magnitude, ..rope }))
}
