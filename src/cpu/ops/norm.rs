//! RMS norm: `x / sqrt(mean(x^2) + eps) * weight`.

use crate::cpu::math::sum;
use crate::cpu::simd::{Lanes, Level, Op, dispatch};

/// Normalizes each row of `x` (rows of `weight.len()` values) into `out`.
///
/// Squares are summed in eight lanes, element `i` in lane `i mod 8`, and the lanes by [`sum`].
pub fn rms_norm(level: Level, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    dispatch(level, RmsNorm { x, weight, eps, out });
}

/// The same in place.
pub fn rms_norm_in_place(level: Level, x: &mut [f32], weight: &[f32], eps: f32) {
    dispatch(level, InPlace { x, weight, eps });
}

/// What a row is multiplied with.
#[inline(always)]
fn factor<L: Lanes>(lanes: L, x: &[f32], eps: f32) -> f32 {
    let mut squares = lanes.splat(0.0);
    let (chunks, rest) = x.as_chunks::<8>();
    for chunk in chunks {
        let chunk = lanes.load(chunk);
        squares = lanes.add(squares, lanes.mul(chunk, chunk));
    }
    let mut squares = lanes.to_array(squares);
    for (lane, x) in squares.iter_mut().zip(rest) {
        *lane += x * x;
    }
    1.0 / (sum(squares) / x.len() as f32 + eps).sqrt()
}

struct RmsNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    out: &'a mut [f32],
}

impl Op for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let width = self.weight.len();
        for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let factor = factor(lanes, x, self.eps);
            for ((o, x), w) in out.iter_mut().zip(x).zip(self.weight) {
                *o = x * factor * w;
            }
        }
    }
}

struct InPlace<'a> {
    x: &'a mut [f32],
    weight: &'a [f32],
    eps: f32,
}

impl Op for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for x in self.x.chunks_exact_mut(self.weight.len()) {
            let factor = factor(lanes, x, self.eps);
            for (x, w) in x.iter_mut().zip(self.weight) {
                *x = *x * factor * w;
            }
        }
    }
}
