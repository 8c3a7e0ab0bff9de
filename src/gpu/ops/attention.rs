//! Attention.

use minijinja::context;

use super::{Positions, padded};
#[cfg(any(test, feature = "rigs"))]
use crate::gpu::plan::Cost;
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model;

/// Invocations of an attention workgroup: a chunk has four keys for each.
const ATTENTION_WORKGROUP: usize = 16;

/// Positions that the caches hold more than their capacity, so that attention can read whole quads of them.
pub(in crate::gpu) const CACHE_SLACK: usize = 3;

/// Softmax attention over the cache: `out[m] = softmax(scale * q[m] . keys) . values` over what a row sees.
pub(in crate::gpu) struct Attention<'a> {
    pub attention: &'a model::Attention,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub q: &'a wgpu::Buffer,
    pub out: &'a wgpu::Buffer,
    pub keys: &'a wgpu::Buffer,
    pub values: &'a wgpu::Buffer,
}

impl Attention<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let a = self.attention;
        let shape = device.uniform(&[
            (a.heads / a.kv_heads) as u32,
            (a.q_width() / 4) as u32,
            (padded(a.q_width()) / 4) as u32,
            a.scale.to_bits(),
            a.window.map_or(0, |window| window as u32),
            a.softcap.unwrap_or(0.0).to_bits(),
        ]);
        let shared = a.heads / a.kv_heads;
        let heads = (1..=8).rev().find(|n| shared.is_multiple_of(*n)).unwrap_or(1);
        let context = context! {
            head_dim => a.head_dim,
            heads,
            workgroup => ATTENTION_WORKGROUP,
            columns => (a.head_dim / 4).div_ceil(ATTENTION_WORKGROUP),
            window => a.window.is_some(),
            softcap => a.softcap.is_some(),
        };
        let buffers = [
            (0, &shape),
            (1, self.q),
            (2, self.out),
            (3, self.keys),
            (4, self.values),
            (7, self.positions.state),
            (8, self.positions.pass),
        ];
        Step::new(device, "attention.wgsl", &context, &buffers, [a.heads / heads, self.rows])
    }
}

/// What attention of `rows` rows over `context` positions must at least do.
#[cfg(any(test, feature = "rigs"))]
pub(in crate::gpu) fn attention_cost(a: &model::Attention, rows: usize, context: usize) -> Cost {
    let seen = context - a.first_seen(context.saturating_sub(1));
    let cache = 2 * seen * a.kv_width() * 4;
    Cost { bytes: (cache + 2 * rows * a.q_width() * 4) as u64, flops: (4 * rows * seen * a.q_width()) as u64 }
}
