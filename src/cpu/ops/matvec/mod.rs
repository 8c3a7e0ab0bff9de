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
use crate::cpu::team::{Shared, Team};

/// Bytes of weights that stay in the nearest cache, beside activations, while every tile of rows passes over them.
const BLOCK_BYTES: usize = 16 << 10;

/// Multiply-accumulates that are worth a part of their own, some microseconds.
const PART: usize = 1 << 16;
/// Parts a thread: whoever the machine runs less does fewer of them.
const PARTS_A_THREAD: usize = 8;

/// Multiplies each row of activations by `matrix`: `out[m][n] = sum over k of matrix[n][k] * x[m][k]`, row-major.
/// `quantized` holds `x` where the matrix [is quantized](Matrix::is_quantized), and is not read otherwise.
///
/// # Panics
/// When lengths do not fit.
pub fn matvec(level: Level, matrix: &Matrix, x: &[f32], quantized: &Activations, out: &mut [f32]) {
    let job = Job::new(level, matrix, x, quantized, out);
    job.run(0, 1);
}

/// As [`matvec`] for several matrices that read the same rows, by all of `team`. A panel of a matrix is computed wholly by
/// one thread, so that results are bitwise the same whatever the team.
///
/// # Panics
/// As [`matvec`].
pub fn matvecs<const N: usize>(
    team: &Team,
    level: Level,
    products: [(&Matrix, &mut [f32]); N],
    x: &[f32],
    quantized: &Activations,
) {
    let jobs = products.map(|(matrix, out)| Job::new(level, matrix, x, quantized, out));
    let most = PARTS_A_THREAD * team.threads();
    let parts = jobs.each_ref().map(|job| job.parts(most));
    team.run(parts.iter().sum(), &|mut part, _| {
        for (job, &parts) in jobs.iter().zip(&parts) {
            if part < parts {
                return job.run(part, parts);
            }
            part -= parts;
        }
    });
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
    fn tile<const M: usize>(self, job: &Job<'_>, panels: Range<usize>, out: Out<'_>);
}

/// One product.
struct Job<'a> {
    level: Level,
    matrix: &'a Matrix,
    x: &'a [f32],
    quantized: &'a Activations,
    /// `[rows][n]`
    out: Shared<'a, f32>,
    /// Rows of the matrix.
    n: usize,
    /// Columns of the matrix.
    k: usize,
    /// Rows of activations.
    rows: usize,
    /// Panels that the tiles pass over one after the other.
    step: usize,
}

impl<'a> Job<'a> {
    fn new(
        level: Level,
        matrix: &'a Matrix,
        x: &'a [f32],
        quantized: &'a Activations,
        out: &'a mut [f32],
    ) -> Self {
        let (n, k) = (matrix.rows(), matrix.columns());
        let rows = x.len() / k;
        assert!(x.len() == rows * k && out.len() == rows * n, "{rows} rows of {k} give {rows} rows of {n}");
        let panel_bytes = matrix.bytes() / n.div_ceil(PANEL).max(1);
        let step = (BLOCK_BYTES / panel_bytes.max(1)).max(1);
        Self { level, matrix, x, quantized, out: Shared::new(out), n, k, rows, step }
    }

    /// Steps of panels.
    fn steps(&self) -> usize {
        self.n.div_ceil(PANEL).div_ceil(self.step)
    }

    /// How many parts it is worth, at most `most`.
    fn parts(&self, most: usize) -> usize {
        (self.n * self.k * self.rows).div_ceil(PART).min(most).min(self.steps())
    }

    /// Computes part `part` of `parts`, which is steps of panels.
    fn run(&self, part: usize, parts: usize) {
        let steps = self.steps();
        let steps = part * steps / parts..(part + 1) * steps / parts;
        let (x, panels) = (self.quantized, steps.start * self.step..steps.end * self.step);
        match &self.matrix.data {
            Data::Codes(codes) if codes.bits == 4 => {
                self.panels(quantized::Product::<4> { codes, x }, panels)
            }
            Data::Codes(codes) => self.panels(quantized::Product::<8> { codes, x }, panels),
            Data::F32(weights) => {
                self.panels(float::Product { weights: float::F32(weights), x: self.x }, panels)
            }
            Data::F16(weights) => {
                self.panels(float::Product { weights: float::F16(weights), x: self.x }, panels)
            }
            Data::BF16(weights) => {
                self.panels(float::Product { weights: float::BF16(weights), x: self.x }, panels)
            }
        }
    }

    /// Splits panels into steps, and those into tiles of rows.
    fn panels<P: Product>(&self, product: P, panels: Range<usize>) {
        let end = panels.end.min(self.n.div_ceil(PANEL));
        for begin in panels.step_by(self.step) {
            let panels = begin..end.min(begin + self.step);
            let mut first = 0;
            while first < self.rows {
                let out = Out { values: self.out, n: self.n, first };
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
    values: Shared<'a, f32>,
    n: usize,
    first: usize,
}

impl Out<'_> {
    /// Writes a panel's results; the last panel may be cut short.
    #[inline(always)]
    fn store<L: Lanes, const M: usize>(&mut self, lanes: L, panel: usize, acc: [L::F; M]) {
        let columns = panel * PANEL..self.n.min((panel + 1) * PANEL);
        for (m, acc) in acc.into_iter().enumerate() {
            let row = (self.first + m) * self.n;
            // SAFETY: a panel's columns are written by the one thread that has the panel's part.
            let out = unsafe { self.values.slice(row + columns.start..row + columns.end) };
            let values = lanes.to_array(acc);
            match out.first_chunk_mut::<PANEL>() {
                Some(out) => *out = values,
                None => out.iter_mut().zip(values).for_each(|(o, v)| *o = v),
            }
        }
    }
}
