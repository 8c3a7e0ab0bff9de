//! integers: softmax in units of 2^-31.

use super::{ONE, argmax};

/// `P0_i = round(softmax(logits / temperature)_i * 2^31)`, each rounded by itself: a row sums to about [`ONE`].
///
/// NaN counts as minus infinity. Where several logits are infinite they share everything; where all are NaN or minus
/// infinity everything is at id 0; where the temperature is 0 everything is at the [`argmax()`].
pub fn integers(logits: &[f32], temperature: f32, out: &mut [u32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if temperature == 0.0 || largest == f32::NEG_INFINITY {
        let best = if largest == f32::NEG_INFINITY { 0 } else { argmax(logits) as usize };
        out.fill(0);
        out.iter_mut().skip(best).take(1).for_each(|out| *out = ONE);
        return;
    }
    // Of an infinite largest logit, (inf - inf) / T would be NaN.
    let weight = |logit: f32| match logit {
        l if l == largest => 1.0,
        l if l.is_nan() => 0.0,
        l => (f64::from(l - largest) / f64::from(temperature)).exp(),
    };
    let sum: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    for (out, &logit) in out.iter_mut().zip(logits) {
        *out = (weight(logit) / sum * f64::from(ONE)).round() as u32;
    }
}
