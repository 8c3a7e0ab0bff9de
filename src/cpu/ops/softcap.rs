//! Soft caps of scores and logits.

use crate::cpu::math::tanh;

/// `x = cap * tanh(x / cap)`, element by element; nothing without a cap.
pub fn softcap(cap: Option<f32>, x: &mut [f32]) {
    if let Some(cap) = cap {
        x.iter_mut().for_each(|x| *x = cap * tanh(*x / cap));
    }
}
