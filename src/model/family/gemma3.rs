//! Gemma 3 (arXiv 2503.19786): most layers see a window, with a rope of their own; norms before and after; scaled embeddings.
//! GGUF's norms have the 1 added that the paper's `1 + weight` asks for.

use super::{Family, gemma2};
use crate::model::keys::Shape;
use crate::model::{Attention, Error, Factors, Plan, Rope, RopeStyle};

/// Every so many layers one sees all positions, where the file does not say.
const PERIOD: usize = 6;

/// Layers of the 27B model, the one that scales scores by another width than its heads'.
const LAYERS_OF_27B: usize = 62;

pub(super) static FAMILY: Family = Family {
    name: "gemma3",
    plan,
    computes: &["attention.sliding_window"],
    example: &[
        ("attention.sliding_window", 5.0),
        ("attention.sliding_window_pattern", 2.0),
        ("rope.freq_base_swa", 4000.0),
    ],
    ..Family::USUAL
};

fn plan(shape: &Shape<'_>) -> Result<Plan, Error> {
    let keys = &shape.keys;
    let global = shape.rope(RopeStyle::Halves)?;
    let base = keys.positive("rope.freq_base_swa")?.unwrap_or(10_000.0);
    let local = Rope { factors: Factors::None, ..Rope::new(RopeStyle::Halves, global.dim, base) };
    // Files of models without windows do not name one; all layers then have the same rope.
    let window = shape.window(None)?;
    let windowed = match window {
        Some(_) => shape.windowed(PERIOD)?,
        None => vec![false; shape.layers],
    };
    let window = shape.within_context(window);
    let attention = Attention { qk_norm: true, ..gemma2::attention(shape, LAYERS_OF_27B) };
    let layer = |windowed: bool| {
        let (rope, window) = if windowed { (1, window) } else { (0, None) };
        gemma2::layer(shape, Attention { window, rope, ..attention })
    };
    Ok(Plan {
        embedding_scale: (shape.width as f32).sqrt(),
        ropes: vec![global, local],
        layers: windowed.into_iter().map(layer).collect(),
        logit_softcap: None,
    })
}
