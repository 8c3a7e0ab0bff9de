//! Rows of a table, copied.

use std::ops::Range;

use minijinja::context;

use crate::gpu::plan::Step;
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
