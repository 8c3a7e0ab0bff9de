//! The gated activation of the MLP.

use super::math::silu;
use super::simd::{Lanes, Level, Op, dispatch};

/// `gate = silu(gate) * up`, element by element.
pub fn silu_mul(level: Level, gate: &mut [f32], up: &[f32]) {
    dispatch(level, SiluMul { gate, up });
}

struct SiluMul<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl Op for SiluMul<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            *gate = silu(*gate) * up;
        }
    }
}
