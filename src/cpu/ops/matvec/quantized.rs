//! Matrices of affine groups times int16 activations.
//!
//! Groups in ascending order: `acc += (scale * dot + min * sum) * a`, where `dot` (codes less zero point, times
//! activations) and `sum` (of the activations) are exact integers and `a` is what one unit of the activations is worth.
//! No sum overflows: `255 * 32767 * 32 < 2^28`, plus as much for the zero point.

use std::ops::Range;

use super::{Job, Out};
use crate::cpu::activations::{Activations, GROUP, Group};
use crate::cpu::matrix::{Codes, PANEL, Params};
use crate::cpu::simd::{Block, Lanes, Op, dispatch, each};

/// Codes of `BITS` bits.
#[derive(Clone, Copy)]
pub(super) struct Product<'a, const BITS: usize> {
    pub codes: &'a Codes,
    pub x: &'a Activations,
}

impl<const BITS: usize> super::Product for Product<'_, BITS> {
    const TILE: usize = 8;

    fn tile<const M: usize>(self, job: &Job<'_>, panels: Range<usize>, out: Out<'_>) {
        let x = std::array::from_fn(|m| self.x.row(out.first + m));
        // Dispatched tile by tile, so that each kind of tile is compiled as a function of its own: V8 gives up on
        // allocating registers well in one function of all of them.
        dispatch(job.level, Tile::<BITS, M> { codes: self.codes, k: job.k, panels, x, out });
    }
}

/// Some panels times `M` rows of activations.
struct Tile<'a, const BITS: usize, const M: usize> {
    codes: &'a Codes,
    k: usize,
    panels: Range<usize>,
    x: [&'a [Group]; M],
    out: Out<'a>,
}

impl<const BITS: usize, const M: usize> Op for Tile<'_, BITS, M> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let blocks = self.k / GROUP * BITS;
        let groups = self.k / self.codes.group;
        for panel in self.panels {
            let weights = Panel {
                blocks: &self.codes.blocks[panel * blocks..][..blocks],
                scales: self.codes.scales.panel(panel, groups),
                mins: self.codes.mins.as_ref().map(|m| m.panel(panel, groups)),
                minus_zero: -self.codes.zero,
                splits: GROUP / self.codes.group,
            };
            let acc = weights.dot::<L, BITS, M>(lanes, self.x);
            self.out.store(lanes, panel, acc);
        }
    }
}

/// Eight rows of affine groups.
struct Panel<'a> {
    blocks: &'a [Block],
    scales: PanelParams<'a>,
    mins: Option<PanelParams<'a>>,
    minus_zero: i32,
    /// Groups of weights in a group of activations: 1 or 2. Not a constant, so that loops over it stay loops: unrolled,
    /// they need more registers than there are.
    splits: usize,
}

#[derive(Clone, Copy)]
enum PanelParams<'a> {
    Half(&'a [[u16; PANEL]]),
    Single(&'a [[f32; PANEL]]),
}

impl Params {
    #[inline(always)]
    fn panel(&self, panel: usize, groups: usize) -> PanelParams<'_> {
        let range = panel * groups..(panel + 1) * groups;
        match self {
            Self::Half(v) => PanelParams::Half(&v[range]),
            Self::Single(v) => PanelParams::Single(&v[range]),
        }
    }
}

impl PanelParams<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F {
        match self {
            Self::Half(v) => lanes.load_f16(&v[index]),
            Self::Single(v) => lanes.load(&v[index]),
        }
    }
}

impl Panel<'_> {
    /// The eight rows times `M` rows of activations.
    #[inline(always)]
    fn dot<L: Lanes, const BITS: usize, const M: usize>(&self, lanes: L, x: [&[Group]; M]) -> [L::F; M] {
        let mask = lanes.splat_i(if BITS == 4 { 0x000f_000f } else { 0x00ff_00ff });
        let minus_zero = lanes.splat_i(self.minus_zero);
        let quads = 4 / self.splits;
        let mut acc = [lanes.splat(0.0); M];
        for (g, blocks) in self.blocks.chunks_exact(BITS).enumerate() {
            for split in 0..self.splits {
                let which = if self.splits == 1 { 0 } else { 1 + (split & 1) };
                let mut sums = [lanes.splat_i(0); M];
                let mut dots = [lanes.splat_i(0); M];
                each!(M, |m| {
                    sums[m] = lanes.splat_i(x[m][g].sums[which]);
                    dots[m] = lanes.mul_i(sums[m], minus_zero);
                });
                for quad in quads * split..quads * (split + 1) {
                    // Always less than 4, which the compiler cannot know.
                    let quad = quad & 3;
                    let w = unpack::<L, BITS>(lanes, mask, blocks, quad);
                    each!(M, |m| {
                        let (x, mut dot) = (&x[m][g].pairs[quad], dots[m]);
                        dot = lanes.add_dot16(dot, w[0], lanes.splat_i(x[0]));
                        dot = lanes.add_dot16(dot, w[1], lanes.splat_i(x[1]));
                        dot = lanes.add_dot16(dot, w[2], lanes.splat_i(x[2]));
                        dots[m] = lanes.add_dot16(dot, w[3], lanes.splat_i(x[3]));
                    });
                }
                let index = g * self.splits + split;
                let scale = self.scales.load(lanes, index);
                let mut terms = [lanes.splat(0.0); M];
                each!(M, |m| {
                    terms[m] = lanes.mul(scale, lanes.to_f32(dots[m]));
                });
                if let Some(mins) = self.mins {
                    let min = mins.load(lanes, index);
                    each!(M, |m| {
                        terms[m] = lanes.add(terms[m], lanes.mul(min, lanes.to_f32(sums[m])));
                    });
                }
                each!(M, |m| {
                    acc[m] = lanes.add(acc[m], lanes.mul(terms[m], lanes.splat(x[m][g].scale)));
                });
            }
        }
        acc
    }
}

/// The codes of columns `8 quad..8 quad + 8` of a group, as i16: two columns a vector.
#[inline(always)]
fn unpack<L: Lanes, const BITS: usize>(lanes: L, mask: L::I, blocks: &[Block], quad: usize) -> [L::I; 4] {
    if BITS == 4 {
        let codes = lanes.load_i(&blocks[quad]);
        [
            lanes.and(codes, mask),
            lanes.and(lanes.shr16::<4>(codes), mask),
            lanes.and(lanes.shr16::<8>(codes), mask),
            lanes.shr16::<12>(codes),
        ]
    } else {
        let first = lanes.load_i(&blocks[2 * quad]);
        let second = lanes.load_i(&blocks[2 * quad + 1]);
        [lanes.and(first, mask), lanes.shr16::<8>(first), lanes.and(second, mask), lanes.shr16::<8>(second)]
    }
}
