//! adjust: logit bias and penalties.

use super::Sampling;

/// Adds the biases, then penalizes every distinct id among the last [`penalty_window`](Sampling::penalty_window)
/// tokens of `history` once: with `n` its count there, `l` becomes
///
/// `(l > 0 ? l / repeat : l * repeat) - (n * frequency + presence)`.
///
/// `history` is what the row's prediction follows, all of it: for row `i` of a verification the context and the first
/// `i` tokens of the proposal. Ids beyond the row are passed over.
pub fn adjust(logits: &mut [f32], history: &[u32], sampling: &Sampling) {
    for &(id, bias) in &sampling.logit_bias {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit += bias;
        }
    }
    if !sampling.penalizes() {
        return;
    }
    let mut window = history[history.len().saturating_sub(sampling.penalty_window as usize)..].to_vec();
    window.sort_unstable();
    for same in window.chunk_by(|a, b| a == b) {
        if let Some(logit) = logits.get_mut(same[0] as usize) {
            let repeat = sampling.repeat_penalty;
            let repeated = if *logit > 0.0 { *logit / repeat } else { *logit * repeat };
            *logit = repeated - (same.len() as f32 * sampling.frequency_penalty + sampling.presence_penalty);
        }
    }
}
