//! log_probability: how likely a token was, for those who ask.

/// `log softmax(logits / T)[id]` with `T` the temperature, 1 where that is 0: the target's law after [`super::adjust()`]
/// and before anything is cut off.
pub fn log_probability(logits: &[f32], id: u32, temperature: f32) -> f32 {
    let temperature = if temperature > 0.0 { temperature } else { 1.0 };
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| ((logit - top) / temperature).exp()).sum();
    let logit = logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
    (logit - top) / temperature - sum.ln()
}

#[cfg(test)]
mod tests {
    use super::log_probability;

    #[test]
    fn is_the_log_of_the_softmax() {
        let logits = [0.2f32.ln(), 0.3f32.ln(), 0.5f32.ln()];
        assert!((log_probability(&logits, 1, 0.0) - 0.3f32.ln()).abs() < 1e-6);
        // Squares of these sum to 0.38.
        assert!((log_probability(&logits, 2, 0.5) - (0.25f32 / 0.38).ln()).abs() < 1e-6);
    }
}
