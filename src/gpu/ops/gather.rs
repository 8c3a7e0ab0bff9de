//! Rows of a table or of a matrix, copied.

use std::ops::Range;

use minijinja::context;

use crate::gpu::choice::Shape;
use crate::gpu::layout::Order;
use crate::gpu::matrix::Matrix;
use crate::gpu::plan::{Plan, Step};
use crate::gpu::{Device, Error};

/// Copies the rows `ids` of a table of `words` words a row: those among the rows of it that `source` holds, to the rows of
/// the copy that `copy` holds. `word_major`: whether words of neighbouring rows are neighbours.
pub(in crate::gpu) fn gather(
    device: &Device,
    ids: &wgpu::Buffer,
    words: usize,
    word_major: bool,
    source: (&wgpu::Buffer, Range<usize>),
    copy: (&wgpu::Buffer, Range<usize>),
) -> Result<Step, Error> {
    let ((source, from), (copy, to)) = (source, copy);
    let rows = [from.start, from.len(), to.start, to.len()].map(|n| n as u32);
    let shape = device.uniform(&[&[words as u32, u32::from(word_major)], &rows[..]].concat());
    let buffers = [(0, &shape), (1, ids), (2, source), (3, copy)];
    Step::new(device, "gather.wgsl", &context! {}, &buffers, [words.div_ceil(64), to.len()])
}

/// A matrix of `rows` rows of another, those at `ids`, copied on the device.
pub(in crate::gpu) fn select(
    device: &Device,
    what: &str,
    matrix: &Matrix,
    rows: usize,
    ids: &wgpu::Buffer,
) -> Result<Matrix, Error> {
    let shape = Shape { layout: matrix.layout, columns: matrix.columns, rows };
    let selected = Matrix::new(device, what, shape, matrix.kernels, true)?;
    let word_major = matrix.order() == Order::WordMajor;
    let mut plan = Plan::default();
    for to in &selected.parts {
        for part in &matrix.parts {
            let mut copy = |source: &wgpu::Buffer, copy: &wgpu::Buffer, words: usize| {
                let (source, copy) = ((source, part.range()), (copy, to.range()));
                plan.steps.push(gather(device, ids, words, word_major, source, copy)?);
                Ok::<_, Error>(())
            };
            copy(&part.codes, &to.codes, matrix.blocks() * matrix.layout.quads() * 4)?;
            if let (Some(source), Some(to)) = (&part.params, &to.params) {
                copy(source, to, matrix.blocks() * matrix.layout.groups() * matrix.layout.params_words())?;
            }
        }
    }
    plan.run(device);
    Ok(selected)
}
