//! Products of a packed matrix with rows of activations: the kernels where nearly all time is spent.
//!
//! Each output lane belongs to one matrix row (see [`super::matrix`]), so its sum is sequential and its order is fixed:
//!
//! - affine groups, in ascending order: `acc += (scale * dot + min * sum) * a`, where `dot` (codes less zero point, times
//!   int16 activations) and `sum` (of the activations) are exact integers and `a` is what one unit of the activations is
//!   worth. No sum overflows: `255 * 32767 * 32 < 2^28`, plus as much for the zero point.
//! - floats: column `k` is added to partial sum `k mod 4`, and the result is `(p0 + p1) + (p2 + p3)`.
//!
//! Neither depends on how many rows of activations there are: up to [`Level::tile`] of them share a weight once it is
//! unpacked, each with accumulators of its own.

use std::ops::Range;

use super::activations::{Activations, GROUP, Group};
use super::matrix::{Codes, Data, Matrix, PANEL, Params};
use super::simd::{Block, Lanes, Level, Op, dispatch};

/// Multiplies each row of activations by `matrix`: `out[m][n] = sum over k of matrix[n][k] * x[m][k]`, row-major.
/// `quantized_x` holds `x` where the matrix [is quantized](Matrix::is_quantized), and is not read otherwise.
///
/// # Panics
/// When lengths do not fit.
pub fn matvec(level: Level, matrix: &Matrix, x: &[f32], quantized_x: &Activations, out: &mut [f32]) {
    let (n, k) = (matrix.rows(), matrix.columns());
    let rows = x.len() / k;
    assert!(x.len() == rows * k && out.len() == rows * n, "{rows} rows of {k} give {rows} rows of {n}");
    let sizes = (n, k, rows);
    match &matrix.data {
        Data::Codes(codes) if codes.bits == 4 => quantized::<4>(level, codes, sizes, quantized_x, out),
        Data::Codes(codes) => quantized::<8>(level, codes, sizes, quantized_x, out),
        Data::F32(weights) => floats(level, F32(weights), sizes, x, out),
        Data::F16(weights) => floats(level, F16(weights), sizes, x, out),
        Data::BF16(weights) => floats(level, BF16(weights), sizes, x, out),
    }
}

/// As [`matvec`], quantizing the activations itself: one product on its own, as tests need it.
pub fn multiply(matrix: &Matrix, x: &[f32]) -> Vec<f32> {
    let level = Level::best();
    let mut quantized = Activations::default();
    if matrix.is_quantized() {
        quantized.quantize(level, x, matrix.columns());
    }
    let mut out = vec![0.0; x.len() / matrix.columns() * matrix.rows()];
    matvec(level, matrix, x, &quantized, &mut out);
    out
}

/// Panels whose weights stay in the nearest cache while every tile of rows passes over them.
const PANELS: usize = 8;

/// Splits the product into blocks of panels, and these into tiles of 8, 4, 3, 2 and 1 rows: `tile::<M>(panels, first_row)`.
/// A tile is dispatched by itself, so that each of its variants is compiled as a function of its own.
macro_rules! tiles {
    ($level:expr, $n:expr, $rows:expr, |$panels:ident, $first:ident, $m:ident| $op:expr) => {{
        let all = $n.div_ceil(PANEL);
        for begin in (0..all).step_by(PANELS) {
            let $panels = begin..all.min(begin + PANELS);
            let mut $first = 0;
            while $first < $rows {
                match $level.tile($rows - $first) {
                    8 => {
                        const $m: usize = 8;
                        dispatch($level, $op);
                        $first += 8;
                    }
                    4 => {
                        const $m: usize = 4;
                        dispatch($level, $op);
                        $first += 4;
                    }
                    3 => {
                        const $m: usize = 3;
                        dispatch($level, $op);
                        $first += 3;
                    }
                    2 => {
                        const $m: usize = 2;
                        dispatch($level, $op);
                        $first += 2;
                    }
                    _ => {
                        const $m: usize = 1;
                        dispatch($level, $op);
                        $first += 1;
                    }
                }
            }
        }
    }};
}

/// Where a tile's results go: rows of `n` values from row `first` on.
struct Out<'a> {
    values: &'a mut [f32],
    n: usize,
    first: usize,
}

impl Out<'_> {
    /// Writes part of a panel's results; the last panel may be cut short.
    #[inline(always)]
    fn store<L: Lanes, const M: usize>(&mut self, lanes: L, panel: usize, part: usize, acc: [L::F; M]) {
        let width = PANEL / L::PARTS;
        for (m, acc) in acc.into_iter().enumerate() {
            let out = &mut self.values[(self.first + m) * self.n..][..self.n][panel * PANEL..];
            match out.first_chunk_mut::<PANEL>() {
                Some(out) => lanes.store(acc, out, part),
                None => {
                    let mut values = [0.0; PANEL];
                    lanes.store(acc, &mut values, part);
                    let values = values[part * width..].iter().take(width);
                    out.iter_mut().skip(part * width).zip(values).for_each(|(o, v)| *o = *v);
                }
            }
        }
    }
}

fn quantized<const BITS: usize>(
    level: Level,
    codes: &Codes,
    (n, k, rows): (usize, usize, usize),
    x: &Activations,
    out: &mut [f32],
) {
    tiles!(level, n, rows, |panels, first, M| {
        let x = std::array::from_fn(|m| x.row(first + m));
        QuantizedTile::<BITS, M> { codes, k, panels: panels.clone(), x, out: Out { values: out, n, first } }
    });
}

/// Some panels times `M` rows of activations.
struct QuantizedTile<'a, const BITS: usize, const M: usize> {
    codes: &'a Codes,
    k: usize,
    panels: Range<usize>,
    x: [&'a [Group]; M],
    out: Out<'a>,
}

impl<const BITS: usize, const M: usize> Op for QuantizedTile<'_, BITS, M> {
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
            if L::PARTS == 2 {
                // Both halves share the activations.
                let [low, high] = weights.dot::<L, BITS, 2, M>(lanes, 0, self.x);
                self.out.store(lanes, panel, 0, low);
                self.out.store(lanes, panel, 1, high);
            } else {
                for part in 0..L::PARTS {
                    let [acc] = weights.dot::<L, BITS, 1, M>(lanes, part, self.x);
                    self.out.store(lanes, panel, part, acc);
                }
            }
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
    fn load<L: Lanes>(self, lanes: L, index: usize, part: usize) -> L::F {
        match self {
            Self::Half(v) => lanes.load_f16(&v[index], part),
            Self::Single(v) => lanes.load(&v[index], part),
        }
    }
}

/// Runs `body` for each `m` below `count`, at most 8, unrolled: only with constant indices are accumulators kept in
/// registers, and unlike a closure the body is compiled with the instructions of the function it stands in.
macro_rules! each {
    ($count:ident, |$m:ident| $body:block) => {
        each!(@ $count, $m, $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    (@ $count:ident, $m:ident, $body:block, $($index:literal),*) => {
        $(if $index < $count {
            let $m: usize = $index;
            $body
        })*
    };
}

impl Panel<'_> {
    /// `P` parts of the eight rows, from part `first` on, times `M` rows of activations.
    #[inline(always)]
    fn dot<L: Lanes, const BITS: usize, const P: usize, const M: usize>(
        &self,
        lanes: L,
        first: usize,
        x: [&[Group]; M],
    ) -> [[L::F; M]; P] {
        let mask = lanes.splat_i(if BITS == 4 { 0x000f_000f } else { 0x00ff_00ff });
        let minus_zero = lanes.splat_i(self.minus_zero);
        let quads = 4 / self.splits;
        let mut acc = [[lanes.splat(0.0); M]; P];
        for (g, blocks) in self.blocks.chunks_exact(BITS).enumerate() {
            for split in 0..self.splits {
                let which = if self.splits == 1 { 0 } else { 1 + (split & 1) };
                let mut sums = [lanes.splat_i(0); M];
                let mut dots = [[lanes.splat_i(0); M]; P];
                each!(M, |m| {
                    sums[m] = lanes.splat_i(x[m][g].sums[which]);
                    let zero = lanes.mul_i(sums[m], minus_zero);
                    each!(P, |p| {
                        dots[p][m] = zero;
                    });
                });
                for quad in quads * split..quads * (split + 1) {
                    // Always less than 4, which the compiler cannot know.
                    let quad = quad & 3;
                    let mut weights = [[lanes.splat_i(0); 4]; P];
                    each!(P, |p| {
                        weights[p] = unpack::<L, BITS>(lanes, mask, blocks, quad, first + p);
                    });
                    each!(M, |m| {
                        let x = &x[m][g].pairs[quad];
                        each!(P, |p| {
                            let (mut dot, w) = (dots[p][m], weights[p]);
                            dot = lanes.add_i(dot, lanes.dot16(w[0], lanes.splat_i(x[0])));
                            dot = lanes.add_i(dot, lanes.dot16(w[1], lanes.splat_i(x[1])));
                            dot = lanes.add_i(dot, lanes.dot16(w[2], lanes.splat_i(x[2])));
                            dots[p][m] = lanes.add_i(dot, lanes.dot16(w[3], lanes.splat_i(x[3])));
                        });
                    });
                }
                let index = g * self.splits + split;
                each!(P, |p| {
                    let scale = self.scales.load(lanes, index, first + p);
                    let mut terms = [lanes.splat(0.0); M];
                    each!(M, |m| {
                        terms[m] = lanes.mul(scale, lanes.to_f32(dots[p][m]));
                    });
                    if let Some(mins) = self.mins {
                        let min = mins.load(lanes, index, first + p);
                        each!(M, |m| {
                            let sum = lanes.to_f32(sums[m]);
                            terms[m] = lanes.add(terms[m], lanes.mul(min, sum));
                        });
                    }
                    each!(M, |m| {
                        acc[p][m] = lanes.add(acc[p][m], lanes.mul(terms[m], lanes.splat(x[m][g].scale)));
                    });
                });
            }
        }
        acc
    }
}

/// The codes of columns `8 quad..8 quad + 8` of a group, as i16: two columns a vector.
#[inline(always)]
fn unpack<L: Lanes, const BITS: usize>(
    lanes: L,
    mask: L::I,
    blocks: &[Block],
    quad: usize,
    part: usize,
) -> [L::I; 4] {
    if BITS == 4 {
        let codes = lanes.load_i(&blocks[quad], part);
        [
            lanes.and(codes, mask),
            lanes.and(lanes.shr16::<4>(codes), mask),
            lanes.and(lanes.shr16::<8>(codes), mask),
            lanes.shr16::<12>(codes),
        ]
    } else {
        let first = lanes.load_i(&blocks[2 * quad], part);
        let second = lanes.load_i(&blocks[2 * quad + 1], part);
        [lanes.and(first, mask), lanes.shr16::<8>(first), lanes.and(second, mask), lanes.shr16::<8>(second)]
    }
}

/// A panel-wise matrix of floats.
trait Floats: Copy {
    /// Eight rows of one column.
    fn load<L: Lanes>(self, lanes: L, index: usize, part: usize) -> L::F;
}

#[derive(Clone, Copy)]
struct F32<'a>(&'a [[f32; PANEL]]);
#[derive(Clone, Copy)]
struct F16<'a>(&'a [[u16; PANEL]]);
#[derive(Clone, Copy)]
struct BF16<'a>(&'a [[u16; PANEL]]);

impl Floats for F32<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize, part: usize) -> L::F {
        lanes.load(&self.0[index], part)
    }
}

impl Floats for F16<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize, part: usize) -> L::F {
        lanes.load_f16(&self.0[index], part)
    }
}

impl Floats for BF16<'_> {
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, index: usize, part: usize) -> L::F {
        lanes.load_bf16(&self.0[index], part)
    }
}

fn floats<W: Floats>(
    level: Level,
    weights: W,
    (n, k, rows): (usize, usize, usize),
    x: &[f32],
    out: &mut [f32],
) {
    tiles!(level, n, rows, |panels, first, M| {
        let x: [&[f32]; M] = std::array::from_fn(|m| &x[(first + m) * k..][..k]);
        FloatTile { weights, panels: panels.clone(), x, out: Out { values: out, n, first } }
    });
}

/// Some panels times `M` rows of activations.
struct FloatTile<'a, W, const M: usize> {
    weights: W,
    panels: Range<usize>,
    x: [&'a [f32]; M],
    out: Out<'a>,
}

impl<W: Floats, const M: usize> Op for FloatTile<'_, W, M> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let k = self.x[0].len();
        let x = self.x.map(|x| &x[..k]);
        for panel in self.panels {
            for part in 0..L::PARTS {
                let mut sums = [[lanes.splat(0.0); 4]; M];
                for at in (0..k).step_by(4) {
                    for i in 0..4.min(k - at) {
                        let weights = self.weights.load(lanes, panel * k + at + i, part);
                        for m in 0..M {
                            let product = lanes.mul(weights, lanes.splat(x[m][at + i]));
                            sums[m][i] = lanes.add(sums[m][i], product);
                        }
                    }
                }
                let acc = sums.map(|[a, b, c, d]| lanes.add(lanes.add(a, b), lanes.add(c, d)));
                self.out.store(lanes, panel, part, acc);
            }
        }
    }
}
