//! The kernels as operations, a file each: each turns shapes and buffers into the steps of a plan. `cpu/ops` has those of the
//! same names.

mod attention;
mod embed;
mod fuse;
mod gather;
mod heads;
mod keep;
mod lookup;
mod matvec;
mod norm;
mod pick;
mod rope;
mod spread;

#[cfg(any(test, feature = "rigs"))]
pub(super) use attention::attention_cost;
pub(super) use attention::{Attention, Sums, partial_words};
pub(super) use embed::Embed;
pub(super) use fuse::Fuse;
pub(super) use gather::{gather, select};
pub(super) use heads::Heads;
pub(super) use keep::{Keep, Kept};
pub(super) use lookup::lookup;
pub(super) use matvec::{Bias, Epilogue, Matvec};
pub(super) use norm::Norm;
pub(super) use pick::pick;
pub(super) use rope::Rope;
pub(super) use spread::spread;

use minijinja::{Value, context};

use super::layout::BLOCK;
use super::matrix::{Matrix, Part};

/// Columns padded to whole blocks: the stride in f32 of every activation that a matvec reads.
pub(super) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(BLOCK)
}

/// Buffers that say which positions the rows of a pass have.
#[derive(Clone, Copy)]
pub(super) struct Positions<'a> {
    pub state: &'a wgpu::Buffer,
    pub pass: &'a wgpu::Buffer,
}

/// What the kernels' `order` and `layout` files need.
fn weights_context(matrix: &Matrix) -> Value {
    context! {
        order => context! { file => matrix.order().file() },
        layout => context! { file => matrix.layout.file() },
        params => matrix.layout.params_words(),
        group => matrix.layout.group,
    }
}

fn part_buffers(part: &Part) -> impl Iterator<Item = (u32, &wgpu::Buffer)> {
    std::iter::once((3, &part.codes)).chain(part.params.as_ref().map(|p| (4, p)))
}
