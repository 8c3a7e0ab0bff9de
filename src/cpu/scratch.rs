//! Memory that passes reuse, so that a token allocates nothing but its logits.

use super::activations::Activations;

/// Buffers of one pass, rows of activations in each.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The residual stream.
    pub hidden: Vec<f32>,
    /// The normalized residual stream, or a projection's output.
    pub normed: Vec<f32>,
    /// Queries.
    pub q: Vec<f32>,
    /// Keys.
    pub k: Vec<f32>,
    /// Values.
    pub v: Vec<f32>,
    /// Attention's output.
    pub context: Vec<f32>,
    /// Gate of the MLP, then its inner activations.
    pub gate: Vec<f32>,
    /// Up-projection of the MLP.
    pub up: Vec<f32>,
    /// Of [`attend`](super::ops::attention::attend).
    pub attention: Vec<f32>,
    /// The input of the next products, quantized.
    pub quantized: Activations,
}

impl Scratch {
    pub fn bytes(&self) -> usize {
        let Self { hidden, normed, q, k, v, context, gate, up, attention, quantized } = self;
        let rows = [hidden, normed, q, k, v, context, gate, up, attention];
        rows.map(|buffer| buffer.capacity() * size_of::<f32>()).iter().sum::<usize>() + quantized.bytes()
    }
}

/// The first `len` values of `buffer`, which grows where needed. Their content is left over from earlier.
pub(super) fn take(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}
