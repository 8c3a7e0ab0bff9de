//! Attention.

use minijinja::{Value, context};

use super::{Positions, padded};
use crate::gpu::cache::{CacheLayout, chunks};
use crate::gpu::choice::Form;
#[cfg(any(test, feature = "rigs"))]
use crate::gpu::plan::Cost;
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model;

/// Most query heads of a workgroup.
const MAX_HEADS: usize = 8;

/// f32 that the sums of `rows` rows over `positions` positions take between the dispatches of a form that splits.
pub(in crate::gpu) fn partial_words(a: &model::Attention, rows: usize, positions: usize) -> usize {
    chunks(positions) * rows * a.heads * (a.head_dim + 4)
}

/// Softmax attention over the cache: `out[m] = softmax(scale * q[m] . keys) . values` over what a row sees.
pub(in crate::gpu) struct Attention<'a> {
    pub attention: &'a model::Attention,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub q: &'a wgpu::Buffer,
    pub out: &'a wgpu::Buffer,
    pub cache: &'a wgpu::Buffer,
    pub layout: CacheLayout,
    pub form: Form,
    /// [`partial_words`] of the rows and of all positions, where the form splits.
    pub partials: &'a wgpu::Buffer,
}

/// Sums of chunks that are to be merged: by [`Attention::steps`], or by a matvec that reads what they come to.
pub(in crate::gpu) struct Sums<'a> {
    pub(super) partials: &'a wgpu::Buffer,
    /// `Attend` of `merge.wgsl`.
    pub(super) attend: wgpu::Buffer,
    /// What `merge.wgsl` needs.
    pub(super) context: Value,
}

impl<'a> Attention<'a> {
    /// The chunks' sums, and their merging where there are others to merge with.
    pub(in crate::gpu) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
        let (step, sums) = self.split(device)?;
        let merge = sums.map(|sums| {
            let &Self { attention: a, rows, positions: Positions { state, pass }, out, .. } = self;
            let buffers = [(1, sums.partials), (2, out), (7, state), (8, pass), (12, &sums.attend)];
            let workgroups = [(a.q_width() / 4).div_ceil(64), rows];
            Step::new(device, "attention_merge.wgsl", &sums.context, &buffers, workgroups)
        });
        Ok(std::iter::once(step).chain(merge.transpose()?).collect())
    }

    /// The dispatch that reads the cache, and the sums that it leaves to be merged, if it does not do that itself.
    pub(in crate::gpu) fn split(&self, device: &Device) -> Result<(Step, Option<Sums<'a>>), Error> {
        let &Self { attention: a, rows, positions, form, layout, partials, .. } = self;
        let shared = a.heads / a.kv_heads;
        let attend = device.uniform(&[
            a.heads as u32,
            a.kv_heads as u32,
            shared as u32,
            rows as u32,
            (a.q_width() / 4) as u32,
            (padded(a.q_width()) / 4) as u32,
            form.splits.unwrap_or(1) as u32,
            a.window.map_or(0, |window| window as u32),
            a.scale.to_bits(),
            a.softcap.unwrap_or(0.0).to_bits(),
        ]);
        let heads = largest(shared, MAX_HEADS);
        let tile = largest(rows, (form.queries / heads).max(1));
        let sight = context! { window => a.window.is_some(), ..layout.context() };
        let context = context! {
            heads,
            rows => tile,
            workgroup => form.workgroup,
            softcap => a.softcap.is_some(),
            split => form.splits.is_some(),
            ..sight.clone()
        };
        let buffers = [
            (1, self.q),
            (2, if form.splits.is_some() { partials } else { self.out }),
            (3, self.cache),
            (7, positions.state),
            (8, positions.pass),
            (12, &attend),
        ];
        let workgroups = [a.heads / heads, rows / tile, form.splits.unwrap_or(1)];
        let step = Step::new(device, "attention.wgsl", &context, &buffers, workgroups)?;
        let sums = form.splits.map(|_| Sums { partials, attend, context: sight });
        Ok((step, sums))
    }
}

/// The largest divisor of `n` that is at most `limit`.
fn largest(n: usize, limit: usize) -> usize {
    (1..=limit.min(n)).rev().find(|d| n.is_multiple_of(*d)).unwrap_or(1)
}

/// What attention of `rows` rows over `context` positions must at least do.
#[cfg(any(test, feature = "rigs"))]
pub(in crate::gpu) fn attention_cost(a: &model::Attention, rows: usize, context: usize) -> Cost {
    let seen = context - a.first_seen(context.saturating_sub(1));
    let cache = 2 * seen * a.kv_width() * 4;
    Cost { bytes: (cache + 2 * rows * a.q_width() * 4) as u64, flops: (4 * rows * seen * a.q_width()) as u64 }
}
