//! Products of a packed matrix with rows of activations: the kernels where nearly all time is spent.
//!
//! Each output lane belongs to one matrix row (see [`super::matrix`]), so its sum is sequential and its order is fixed:
//!
//! - affine groups, in ascending order: `acc += (scale * dot + min * sum) * a`, where `dot` (codes less zero point, times
//!   int16 activations) and `sum` (of the activations) are exact integers and `a` is what one unit of the activations is
//!   worth. No sum overflows: `255 * 32767 * 32 < 2^28`, plus as much for the zero point.
//! - floats: column `k` is added to partial sum `k mod 4`, and the result is `(p0 + p1) + (p2 + p3)`.
//!
//! Neither depends on how many rows of activations there are: up to [`Lanes::TILE`] of them share a weight once it is
//! unpacked, each with accumulators of its own.

use super::activations::{Activations, Group};
use super::matrix::{Codes, Data, Matrix, PANEL, Params};
use super::simd::{Block, Lanes, Level, Op, dispatch};

/// Multiplies each row of activations by `matrix`: `out[m][n] = sum over k of matrix[n][k] * x[m][k]`, row-major.
/// `quantized` holds `x` where the matrix [is quantized](Matrix::is_quantized), and is not read otherwise.
///
/// # Panics
/// When lengths do not fit.
pub fn matvec(level: Level, matrix: &Matrix, x: &[f32], quantized: &Activations, out: &mut [f32]) {
    let (n, k) = (matrix.rows(), matrix.columns());
    let rows = x.len() / k;
    assert!(x.len() == rows * k && out.len() == rows * n, "{rows} rows of {k} give {rows} rows of {n}");
    match &matrix.data {
        Data::Codes(codes) => dispatch(level, Quantized { codes, n, k, rows, x: quantized, out }),
        Data::F32(weights) => dispatch(level, Float { weights: F32(weights), n, k, rows, x, out }),
        Data::F16(weights) => dispatch(level, Float { weights: F16(weights), n, k, rows, x, out }),
        Data::BF16(weights) => dispatch(level, Float { weights: BF16(weights), n, k, rows, x, out }),
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

/// Calls `tile::<M>(first)` for tiles of 8, 4, 2 and 1 rows, no larger than `L::TILE`, until `rows` are covered.
macro_rules! tiles {
    ($lanes:ident, $rows:expr, |$first:ident, $m:ident| $tile:expr) => {{
        let mut $first = 0;
        while $first < $rows {
            let left = $rows - $first;
            if $lanes::TILE >= 8 && left >= 8 {
                const $m: usize = 8;
                $tile;
                $first += $m;
            } else if left >= 4 {
                const $m: usize = 4;
                $tile;
                $first += $m;
            } else if left >= 2 {
                const $m: usize = 2;
                $tile;
                $first += $m;
            } else {
                const $m: usize = 1;
                $tile;
                $first += $m;
            }
        }
    }};
}

/// Writes a panel's results for rows `first..first + M`; the last panel may be cut short.
#[inline(always)]
fn store<L: Lanes, const M: usize>(
    lanes: L,
    acc: [L::F; M],
    out: &mut [f32],
    n: usize,
    panel: usize,
    first: usize,
) {
    for (m, acc) in acc.into_iter().enumerate() {
        let out = &mut out[(first + m) * n..][..n][panel * PANEL..];
        let values = lanes.to_array(acc);
        match out.first_chunk_mut::<PANEL>() {
            Some(out) => *out = values,
            None => out.iter_mut().zip(values).for_each(|(o, v)| *o = v),
        }
    }
}

struct Quantized<'a> {
    codes: &'a Codes,
    n: usize,
    k: usize,
    rows: usize,
    x: &'a Activations,
    out: &'a mut [f32],
}

impl Op for Quantized<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        match (self.codes.bits, self.codes.group) {
            (4, 32) => self.panels::<L, 4, 1>(lanes),
            (4, _) => self.panels::<L, 4, 2>(lanes),
            (_, 32) => self.panels::<L, 8, 1>(lanes),
            _ => self.panels::<L, 8, 2>(lanes),
        }
    }
}

impl Quantized<'_> {
    #[inline(always)]
    fn panels<L: Lanes, const BITS: usize, const PARTS: usize>(self, lanes: L) {
        let groups = self.k / super::activations::GROUP;
        for (panel, blocks) in self.codes.blocks.chunks_exact(groups * BITS).enumerate() {
            let weights = Panel {
                blocks,
                scales: self.codes.scales.panel(panel, groups * PARTS),
                mins: self.codes.mins.as_ref().map(|m| m.panel(panel, groups * PARTS)),
                minus_zero: -self.codes.zero,
            };
            tiles!(L, self.rows, |first, M| {
                let x = std::array::from_fn(|m| self.x.row(first + m));
                let acc = weights.dot::<L, BITS, PARTS, M>(lanes, x);
                store(lanes, acc, self.out, self.n, panel, first);
            });
        }
    }
}

/// Eight rows of affine groups.
struct Panel<'a> {
    blocks: &'a [Block],
    scales: PanelParams<'a>,
    mins: Option<PanelParams<'a>>,
    minus_zero: i32,
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
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F {
        match self {
            Self::Half(v) => lanes.load_f16(&v[index]),
            Self::Single(v) => lanes.load(&v[index]),
        }
    }
}

impl Panel<'_> {
    /// The eight rows times `M` rows of activations. `PARTS` is 1 for groups of 32 and 2 for groups of 16.
    #[inline(always)]
    fn dot<L: Lanes, const BITS: usize, const PARTS: usize, const M: usize>(
        &self,
        lanes: L,
        x: [&[Group]; M],
    ) -> [L::F; M] {
        let mask = lanes.splat_i(if BITS == 4 { 0x000f_000f } else { 0x00ff_00ff });
        let mut acc = [lanes.splat(0.0); M];
        for (g, blocks) in self.blocks.chunks_exact(BITS).enumerate() {
            let x: [&Group; M] = std::array::from_fn(|m| &x[m][g]);
            for part in 0..PARTS {
                let sums: [i32; M] = std::array::from_fn(|m| match PARTS {
                    1 => x[m].sums[0].wrapping_add(x[m].sums[1]),
                    _ => x[m].sums[part],
                });
                let mut dots = sums.map(|sum| lanes.splat_i(sum.wrapping_mul(self.minus_zero)));
                let mut step = |weights: L::I, pair: usize| {
                    for m in 0..M {
                        let product = lanes.dot16(weights, lanes.splat_i(x[m].pairs[pair]));
                        dots[m] = lanes.add_i(dots[m], product);
                    }
                };
                for b in BITS / PARTS * part..BITS / PARTS * (part + 1) {
                    let codes = lanes.load_i(&blocks[b]);
                    if BITS == 4 {
                        step(lanes.and(codes, mask), 4 * b);
                        step(lanes.and(lanes.shr16::<4>(codes), mask), 4 * b + 1);
                        step(lanes.and(lanes.shr16::<8>(codes), mask), 4 * b + 2);
                        step(lanes.shr16::<12>(codes), 4 * b + 3);
                    } else {
                        step(lanes.and(codes, mask), 2 * b);
                        step(lanes.shr16::<8>(codes), 2 * b + 1);
                    }
                }
                let index = g * PARTS + part;
                let scale = self.scales.load(lanes, index);
                let min = self.mins.map(|m| m.load(lanes, index));
                for m in 0..M {
                    let mut term = lanes.mul(scale, lanes.to_f32(dots[m]));
                    if let Some(min) = min {
                        term = lanes.add(term, lanes.mul(min, lanes.to_f32(lanes.splat_i(sums[m]))));
                    }
                    acc[m] = lanes.add(acc[m], lanes.mul(term, lanes.splat(x[m].scale)));
                }
            }
        }
        acc
    }
}

/// A panel-wise matrix of floats.
trait Floats: Copy {
    /// Eight rows of one column.
    fn load<L: Lanes>(self, lanes: L, index: usize) -> L::F;
}

#[derive(Clone, Copy)]
struct F32<'a>(&'a [[f32; PANEL]]);
#[derive(Clone, Copy)]
struct F16<'a>(&'a [[u16; PANEL]]);
#[derive(Clone, Copy)]
struct BF16<'a>(&'a [[u16; PANEL]]);

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

struct Float<'a, W> {
    weights: W,
    n: usize,
    k: usize,
    rows: usize,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<W: Floats> Op for Float<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let k = self.k;
        for panel in 0..self.n.div_ceil(PANEL) {
            tiles!(L, self.rows, |first, M| {
                let x: [&[f32]; M] = std::array::from_fn(|m| &self.x[(first + m) * k..][..k]);
                let mut parts = [[lanes.splat(0.0); 4]; M];
                for at in (0..k).step_by(4) {
                    for part in 0..4.min(k - at) {
                        let weights = self.weights.load(lanes, panel * k + at + part);
                        for m in 0..M {
                            let product = lanes.mul(weights, lanes.splat(x[m][at + part]));
                            parts[m][part] = lanes.add(parts[m][part], product);
                        }
                    }
                }
                let acc = parts.map(|[a, b, c, d]| lanes.add(lanes.add(a, b), lanes.add(c, d)));
                store(lanes, acc, self.out, self.n, panel, first);
            });
        }
    }
}
