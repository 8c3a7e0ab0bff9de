//! Attention.

use minijinja::{Value, context};

use super::{Positions, padded};
use crate::gpu::cache::{CacheLayout, chunks};
#[cfg(any(test, feature = "rigs"))]
use crate::gpu::plan::Cost;
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model;

/// How attention spreads over a machine. Every form gives the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gpu) struct Form {
    /// Invocations of a workgroup: one for each key of a chunk, or for every four.
    pub workgroup: usize,
    /// Most queries of a workgroup, unless one row has more.
    pub queries: usize,
    /// Workgroups that share a row's chunks, whose sums a second dispatch merges; `None`: one has them all.
    pub splits: Option<usize>,
}

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

impl Attention<'_> {
    pub(in crate::gpu) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
        let &Self { attention: a, rows, positions, form, layout, .. } = self;
        let shared = a.heads / a.kv_heads;
        let shape = device.uniform(&[
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
        let step = |kernel, context: &Value, buffers: [(u32, &wgpu::Buffer); 3], workgroups| {
            let [shape, state, pass] = [(0, &shape), (7, positions.state), (8, positions.pass)];
            let buffers: Vec<_> = buffers.into_iter().chain([shape, state, pass]).collect();
            Step::new::<3>(device, kernel, context, &buffers, workgroups)
        };
        let tiles = [a.heads / heads, rows / tile];
        let Some(splits) = form.splits else {
            let buffers = [(1, self.q), (2, self.out), (3, self.cache)];
            return Ok(vec![step("attention.wgsl", &context, buffers, [tiles[0], tiles[1], 1])?]);
        };
        let buffers = [(1, self.q), (2, self.partials), (3, self.cache)];
        let chunks = step("attention.wgsl", &context, buffers, [tiles[0], tiles[1], splits])?;
        let merge = Step::new(
            device,
            "attention_merge.wgsl",
            &sight,
            &[
                (0, &shape),
                (1, self.partials),
                (2, self.out),
                (7, positions.state),
                (8, positions.pass),
            ],
            [(a.q_width() / 4).div_ceil(64), rows],
        )?;
        Ok(vec![chunks, merge])
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
