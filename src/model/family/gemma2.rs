//! Gemma 2 (arXiv 2408.00118): every other layer sees a window; norms before and after; capped scores and logits.
//! GGUF's norms have the 1 added that the paper's `1 + weight` asks for.

use super::Family;
use crate::model::keys::Shape;
use crate::model::{Activation, Attention, Error, Layer, Mixer, Mlp, Norms, Plan, RopeStyle};

/// Positions that a window sees, where the file does not say.
const WINDOW: u64 = 4096;

/// Layers of the 27B model, the one that scales scores by another width than its heads'.
const LAYERS_OF_27B: usize = 46;

pub(super) static FAMILY: Family = Family {
    name: "gemma2",
    plan,
    computes: &["attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"],
    example: &[
        ("attention.sliding_window", 5.0),
        ("attn_logit_softcapping", 1.5),
        ("final_logit_softcapping", 2.5),
    ],
    ..Family::USUAL
};

fn plan(shape: &Shape<'_>) -> Result<Plan, Error> {
    let window = shape.within_context(shape.window(Some(WINDOW))?);
    let softcap = shape.keys.positive("attn_logit_softcapping")?.unwrap_or(50.0) as f32;
    let attention = Attention { softcap: Some(softcap), ..attention(shape, LAYERS_OF_27B) };
    let layer = |windowed: bool| layer(shape, Attention { window: window.filter(|_| windowed), ..attention });
    Ok(Plan {
        embedding_scale: (shape.width as f32).sqrt(),
        ropes: vec![shape.rope(RopeStyle::Halves)?],
        layers: shape.windowed(2)?.into_iter().map(layer).collect(),
        logit_softcap: Some(shape.keys.positive("final_logit_softcapping")?.unwrap_or(30.0) as f32),
    })
}

/// Attention of Gemma 2 and 3, whose 27B model has so many layers.
pub(super) fn attention(shape: &Shape<'_>, layers_of_27b: usize) -> Attention {
    let usual = shape.attention();
    if shape.layers != layers_of_27b {
        return usual;
    }
    Attention { scale: 1.0 / (shape.width as f32 / shape.heads as f32).sqrt(), ..usual }
}

/// A layer of Gemma 2 and 3.
pub(super) fn layer(shape: &Shape<'_>, attention: Attention) -> Layer {
    let mlp = Mlp::Gated { ff: shape.ff, activation: Activation::Gelu };
    Layer { norms: Norms::BeforeAndAfter, mixer: Mixer::Attention(attention), mlp }
}
