//! sound: whether a row of logits says anything.

/// Whether a token can be chosen by `logits`, which are already adjusted: no NaN, no infinity above, and something that is
/// finite. Minus infinity is no fault: masks and biases give it.
pub fn sound(logits: &[f32]) -> bool {
    let bad = |logit: &f32| logit.is_nan() || *logit == f32::INFINITY;
    !logits.iter().any(bad) && logits.iter().any(|logit| logit.is_finite())
}

#[cfg(test)]
mod tests {
    use super::sound;

    #[test]
    fn nan_and_infinity_are_faults_and_minus_infinity_is_none() {
        let with = |value| sound(&[0.0, value, -3.0]);
        assert!(with(1.0) && with(f32::MAX) && with(f32::NEG_INFINITY) && with(f32::MIN));
        assert!(!with(f32::NAN) && !with(-f32::NAN) && !with(f32::INFINITY));
        assert!(!sound(&[f32::NEG_INFINITY; 3]) && !sound(&[]));
    }
}
