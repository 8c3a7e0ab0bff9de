//! What a draft's fusing matrix reads.

use super::norm::rms_norm;
use crate::cpu::simd::Level;

/// `out = concat(rms_norm(embedding), rms_norm(state))`, each with its own weights.
pub fn fuse(
    level: Level,
    (embedding, embedding_norm): (&[f32], &[f32]),
    (state, state_norm): (&[f32], &[f32]),
    eps: f32,
    out: &mut [f32],
) {
    let (first, second) = out.split_at_mut(embedding.len());
    rms_norm(level, embedding, embedding_norm, eps, first);
    rms_norm(level, state, state_norm, eps, second);
}
