//! Rotary embedding, and the cache.

use minijinja::context;

use super::{Heads, Positions};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// Rotates q and k and writes k and v to the cache.
pub(in crate::gpu) struct Rope<'a> {
    pub heads: Heads<'a>,
    /// Epsilon of the heads' norms.
    pub epsilon: f32,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub qkv: &'a wgpu::Buffer,
    pub q: &'a wgpu::Buffer,
    /// Gains of the heads' norms, q's then k's (qwen3).
    pub gains: Option<&'a wgpu::Buffer>,
}

impl Rope<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let a = self.heads.attention;
        let shape = device.uniform(&[a.qkv_width() as u32, self.epsilon.to_bits()]);
        let context = context! { qk_norm => self.gains.is_some(), ..self.heads.context() };
        let heads = self.heads.buffers(device);
        let mut buffers = vec![
            (0, &shape),
            (1, self.qkv),
            (2, self.q),
            (7, self.positions.state),
            (8, self.positions.pass),
        ];
        buffers.extend(heads.iter().map(|(binding, buffer)| (*binding, buffer)));
        buffers.extend(self.gains.map(|g| (6, g)));
        let pairs = a.qkv_width() / 2;
        let step = Step::new(device, "rope.wgsl", &context, &buffers, [pairs.div_ceil(64), self.rows])?;
        Ok(step.costing("rope + cache", (self.rows * pairs * 16) as u64, (self.rows * pairs * 6) as u64))
    }
}
