//! Matrices of f32, f16 and bf16 times f32 activations.
//!
//! Column `k` is added to partial sum `k mod 2`, in ascending order; the result is `even + odd`.

use std::ops::Range;

use super::{Job, Out};
use crate::cpu::matrix::PANEL;
use crate::cpu::simd::{Lanes, Op, dispatch, each};

/// A matrix of floats, `[panel][column][row]`.
pub(super) trait Floats: Copy {
    /// Eight rows of one column.
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F;
}

#[derive(Clone, Copy)]
pub(super) struct F32<'a>(pub &'a [[f32; PANEL]]);
#[derive(Clone, Copy)]
pub(super) struct F16<'a>(pub &'a [[u16; PANEL]]);
#[derive(Clone, Copy)]
pub(super) struct BF16<'a>(pub &'a [[u16; PANEL]]);

impl Floats for F32<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F {
        lanes.load(&self.0[index])
    }
}

impl Floats for F16<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F {
        lanes.load_f16(&self.0[index])
    }
}

impl Floats for BF16<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F {
        lanes.load_bf16(&self.0[index])
    }
}

/// Rows of `weights` times rows of `x`.
#[derive(Clone, Copy)]
pub(super) struct Product<'a, W> {
    pub weights: W,
    pub x: &'a [f32],
}

impl<W: Floats> super::Product for Product<'_, W> {
    const TILE: usize = 4;

    fn tile<const M: usize>(self, job: &Job<'_>, panels: Range<usize>, out: Out<'_>) {
        let x: [&[f32]; M] = std::array::from_fn(|m| &self.x[(out.first + m) * job.k..][..job.k]);
        dispatch(job.level, Tile { weights: self.weights, panels, x, out });
    }
}

/// Some panels times `M` rows of activations.
struct Tile<'a, W, const M: usize> {
    weights: W,
    panels: Range<usize>,
    x: [&'a [f32]; M],
    out: Out<'a>,
}

impl<W: Floats, const M: usize> Op for Tile<'_, W, M> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let k = self.x[0].len();
        let mut x = [[].as_slice(); M];
        each!(M, |m| {
            x[m] = &self.x[m][..k];
        });
        for panel in self.panels {
            let (mut even, mut odd) = ([lanes.splat(0.0); M], [lanes.splat(0.0); M]);
            for at in 0..k / 2 {
                let first = self.weights.load(lanes, panel * k + 2 * at);
                let second = self.weights.load(lanes, panel * k + 2 * at + 1);
                each!(M, |m| {
                    even[m] = lanes.add(even[m], lanes.mul(first, lanes.splat(x[m][2 * at])));
                    odd[m] = lanes.add(odd[m], lanes.mul(second, lanes.splat(x[m][2 * at + 1])));
                });
            }
            if k % 2 == 1 {
                let last = self.weights.load(lanes, panel * k + k - 1);
                each!(M, |m| {
                    even[m] = lanes.add(even[m], lanes.mul(last, lanes.splat(x[m][k - 1])));
                });
            }
            each!(M, |m| {
                even[m] = lanes.add(even[m], odd[m]);
            });
            self.out.store(lanes, panel, even);
        }
    }
}
