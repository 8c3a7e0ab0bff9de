//! Products of a packed matrix with rows of activations: the kernels where nearly all time is spent.
//!
//! Each output lane belongs to one matrix row (see `matrix.rs`), so its sum is sequential and in an order of its
//! own: `quantized.rs` and `float.rs` say which. It does not depend on how many rows of activations there are: up to
//! `Level::tile` of them share a weight once it is unpacked, each with accumulators of its own.

mod float;
mod quantized;

use std::ops::Range;

use crate::cpu::activations::Activations;
use crate::cpu::matrix::{Data, Matrix, PANEL};
use crate::cpu::simd::{Lanes, Level};

/// Bytes of weights that stay in the nearest cache, beside activations, while every tile of rows passes over them.
const BLOCK_BYTES: usize = 16 << 10;

/// Multiplies each row of activations by `matrix`: `out[m][n] = sum over k of matrix[n][k] * x[m][k]`, row-major.
/// `quantized` holds `x` where the matrix [is quantized](Matrix::is_quantized), and is not read otherwise.
///
/// # Panics
/// When lengths do not fit.
pub fn matvec(level: Level, matrix: &Matrix, x: &[f32], quantized: &Activations, out: &mut [f32]) {
    let (n, k) = (matrix.rows(), matrix.columns());
    let rows = x.len() / k;
    assert!(x.len() == rows * k && out.len() == rows * n, "{rows} rows of {k} give {rows} rows of {n}");
    let job = Job { level, n, k, rows, panel_bytes: matrix.bytes() / n.div_ceil(PANEL) };
    match &matrix.data {
        Data::Codes(codes) if codes.bits == 4 => {
            job.run(quantized::Product::<4> { codes, x: quantized }, out)
        }
        Data::Codes(codes) => job.run(quantized::Product::<8> { codes, x: quantized }, out),
        Data::F32(weights) => job.run(float::Product { weights: float::F32(weights), x }, out),
        Data::F16(weights) => job.run(float::Product { weights: float::F16(weights), x }, out),
        Data::BF16(weights) => job.run(float::Product { weights: float::BF16(weights), x }, out),
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

/// A product of one kind of matrix.
trait Product: Copy {
    /// Most rows of activations in a tile.
    const TILE: usize;
    /// Computes `panels` of `M` rows of activations.
    fn tile<const M: usize>(self, job: &Job, panels: Range<usize>, out: Out<'_>);
}

/// Sizes of a product.
struct Job {
    level: Level,
    /// Rows of the matrix.
    n: usize,
    /// Columns of the matrix.
    k: usize,
    /// Rows of activations.
    rows: usize,
    /// Bytes of eight rows of the matrix.
    panel_bytes: usize,
}

impl Job {
    /// Splits the product into blocks of panels, and those into tiles of rows.
    fn run<P: Product>(&self, product: P, out: &mut [f32]) {
        let panels = self.n.div_ceil(PANEL);
        let step = (BLOCK_BYTES / self.panel_bytes).max(1);
        for begin in (0..panels).step_by(step) {
            let panels = begin..panels.min(begin + step);
            let mut first = 0;
            while first < self.rows {
                let out = Out { values: out, n: self.n, first };
                let panels = panels.clone();
                let tile = self.level.tile((self.rows - first).min(P::TILE));
                match tile {
                    8 => product.tile::<8>(self, panels, out),
                    4 => product.tile::<4>(self, panels, out),
                    3 => product.tile::<3>(self, panels, out),
                    2 => product.tile::<2>(self, panels, out),
                    _ => product.tile::<1>(self, panels, out),
                }
                first += tile;
            }
        }
    }
}

/// Where a tile's results go: rows of `n` values from row `first` on.
struct Out<'a> {
    values: &'a mut [f32],
    n: usize,
    first: usize,
}

impl Out<'_> {
    /// Writes a panel's results; the last panel may be cut short.
    #[inline(always)]
    fn store<L: Lanes, const M: usize>(&mut self, lanes: L, panel: usize, acc: [L::F; M]) {
        for (m, acc) in acc.into_iter().enumerate() {
            let out = &mut self.values[(self.first + m) * self.n..][..self.n][panel * PANEL..];
            let values = lanes.to_array(acc);
            match out.first_chunk_mut::<PANEL>() {
                Some(out) => *out = values,
                None => out.iter_mut().zip(values).for_each(|(o, v)| *o = v),
            }
        }
    }
}
