//! The gated activation of the MLP.

use crate::cpu::math::{gelu, silu};
use crate::cpu::simd::{Lanes, Level, Op, dispatch};
use crate::model::Activation;

/// `gate = activation(gate) * up`, element by element.
pub fn gate(level: Level, activation: Activation, gate: &mut [f32], up: &[f32]) {
    dispatch(level, Gate { activation, gate, up });
}

struct Gate<'a> {
    activation: Activation,
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl Op for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        match self.activation {
            Activation::Silu => apply(self.gate, self.up, silu),
            Activation::Gelu => apply(self.gate, self.up, gelu),
        }
    }
}

#[inline(always)]
fn apply(gate: &mut [f32], up: &[f32], activation: impl Fn(f32) -> f32) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = activation(*gate) * up;
    }
}
