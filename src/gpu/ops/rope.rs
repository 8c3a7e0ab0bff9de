//! Rotary embedding, and the cache.

use minijinja::context;

use super::Positions;
use crate::gpu::cache::CacheLayout;
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model::{self, Attention, RopeStyle};

/// Rotates q and k and writes k and v to the cache.
pub(in crate::gpu) struct Rope<'a> {
    pub attention: &'a Attention,
    pub rope: &'a model::Rope,
    /// Epsilon of the heads' norms.
    pub epsilon: f32,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub qkv: &'a wgpu::Buffer,
    pub q: &'a wgpu::Buffer,
    pub cache: &'a wgpu::Buffer,
    pub layout: CacheLayout,
    pub rotation: &'a wgpu::Buffer,
    /// Gains of the heads' norms, q's then k's (qwen3).
    pub gains: Option<&'a wgpu::Buffer>,
}

impl Rope<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let a = self.attention;
        let shape = device.uniform(&[
            a.heads as u32,
            a.kv_heads as u32,
            (self.rope.dim / 2) as u32,
            a.qkv_width() as u32,
            a.q_width() as u32,
            self.epsilon.to_bits(),
        ]);
        let context = context! {
            interleaved => self.rope.style == RopeStyle::Interleaved,
            qk_norm => self.gains.is_some(),
            ..self.layout.context()
        };
        let mut buffers = vec![
            (0, &shape),
            (1, self.qkv),
            (2, self.q),
            (3, self.cache),
            (5, self.rotation),
            (7, self.positions.state),
            (8, self.positions.pass),
        ];
        buffers.extend(self.gains.map(|g| (6, g)));
        let pairs = (a.heads + 2 * a.kv_heads) * a.head_dim / 2;
        let step = Step::new(device, "rope.wgsl", &context, &buffers, [pairs.div_ceil(64), self.rows])?;
        Ok(step.costing("rope + cache", (self.rows * pairs * 16) as u64, (self.rows * pairs * 6) as u64))
    }
}
