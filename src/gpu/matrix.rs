//! A weight matrix in GPU memory, in parts where one binding cannot see all of it.

use std::ops::Range;

use super::choice::{Kernels, Shape};
use super::layout::{BLOCK, Layout, Order};
use super::{Device, Error};
use crate::gguf::Format;

/// `rows` outputs of `columns` inputs each.
pub(super) struct Matrix {
    pub layout: Layout,
    /// What multiplies it.
    pub kernels: Kernels,
    pub rows: usize,
    pub columns: usize,
    pub parts: Vec<Part>,
}

/// Consecutive rows of a matrix.
pub(super) struct Part {
    pub first_row: usize,
    pub rows: usize,
    pub codes: wgpu::Buffer,
    /// `None` where codes are the weights themselves.
    pub params: Option<wgpu::Buffer>,
}

impl Part {
    /// Its rows in the matrix.
    pub(super) fn range(&self) -> Range<usize> {
        self.first_row..self.first_row + self.rows
    }
}

impl Matrix {
    /// Allocates. `may_split` allows several parts.
    pub(super) fn new(
        device: &Device,
        what: &str,
        Shape { layout, columns, rows }: Shape,
        kernels: Kernels,
        may_split: bool,
    ) -> Result<Self, Error> {
        let blocks = columns.div_ceil(BLOCK);
        let row_words = blocks * layout.quads() * 4;
        let params_words = blocks * layout.groups() * layout.params_words();
        let fit = (device.max_buffer_bytes() / (row_words.max(params_words) as u64 * 4)) as usize;
        let most = if may_split { rows.min(fit.max(1)) } else { rows };
        // Parts of equal size, even so that a pair of rows is never torn.
        let step = rows.div_ceil(rows.div_ceil(most)).next_multiple_of(2);
        let mut parts = Vec::new();
        for first_row in (0..rows).step_by(step) {
            let rows = step.min(rows - first_row);
            let codes = device.storage(what, (rows * row_words) as u64)?;
            let params = match params_words {
                0 => None,
                words => Some(device.storage(what, (rows * words) as u64)?),
            };
            parts.push(Part { first_row, rows, codes, params });
        }
        Ok(Self { layout, kernels, rows, columns, parts })
    }

    /// Where its words lie: as its kernels want them.
    pub(super) fn order(&self) -> Order {
        self.kernels.reduction().order()
    }

    /// Blocks of a row.
    pub(super) fn blocks(&self) -> usize {
        self.columns.div_ceil(BLOCK)
    }

    /// Bytes of weights that a pass over the matrix reads.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.codes.size() + p.params.as_ref().map_or(0, wgpu::Buffer::size)).sum()
    }

    /// `row_quads, row_groups`, as the kernels' `Shape` has them.
    pub(super) fn row_sizes(&self) -> [u32; 2] {
        [(self.blocks() * self.layout.quads()) as u32, (self.blocks() * self.layout.groups()) as u32]
    }

    /// Writes rows from `first_row` on, stored as `format` in `bytes`.
    pub(super) fn write_rows(&self, device: &Device, first_row: usize, format: Format, bytes: &[u8]) {
        let row_bytes = format.row_bytes(self.columns);
        let (mut codes, mut params) = (Vec::new(), Vec::new());
        for row in bytes.chunks_exact(row_bytes) {
            self.layout.pack_row(format, self.columns, row, &mut codes, &mut params);
        }
        let rows = bytes.len() / row_bytes;
        for part in &self.parts {
            let begin = first_row.max(part.first_row);
            let end = (first_row + rows).min(part.first_row + part.rows);
            if begin >= end {
                continue;
            }
            let within = begin - first_row..end - first_row;
            let to = begin - part.first_row;
            self.upload(device, &part.codes, part.rows, to, slice_rows(&codes, rows, &within), within.len());
            if let Some(buffer) = &part.params {
                self.upload(device, buffer, part.rows, to, slice_rows(&params, rows, &within), within.len());
            }
        }
    }

    /// Writes `rows` rows of `words` from row `to` on into a buffer for `part_rows` rows.
    fn upload(
        &self,
        device: &Device,
        buffer: &wgpu::Buffer,
        part_rows: usize,
        to: usize,
        words: &[u32],
        rows: usize,
    ) {
        let row_words = words.len() / rows;
        match self.order() {
            Order::RowMajor => device.write(buffer, (to * row_words) as u64, words),
            Order::WordMajor => {
                for at in 0..row_words {
                    let plane: Vec<u32> = words.iter().skip(at).step_by(row_words).copied().collect();
                    device.write(buffer, (at * part_rows + to) as u64, &plane);
                }
            }
        }
    }
}

/// As the buffers of a session (`session/runner.rs`).
impl Drop for Matrix {
    fn drop(&mut self) {
        let buffers = self.parts.iter().flat_map(|part| std::iter::once(&part.codes).chain(&part.params));
        buffers.for_each(wgpu::Buffer::destroy);
    }
}

fn slice_rows<'a>(words: &'a [u32], rows: usize, within: &std::ops::Range<usize>) -> &'a [u32] {
    let row = words.len() / rows;
    &words[within.start * row..within.end * row]
}
