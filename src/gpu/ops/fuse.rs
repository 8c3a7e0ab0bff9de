//! What a draft's fusing matrix reads.

use minijinja::context;

use super::{Positions, padded};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model::Taps;

/// `y[m] = concat(rms_norm(embedded[m]), rms_norm(hidden[position(m) - 1]))`.
pub(in crate::gpu) struct Fuse<'a> {
    pub rows: usize,
    pub positions: Positions<'a>,
    pub embedded: &'a wgpu::Buffer,
    pub embedding_gain: &'a wgpu::Buffer,
    pub embedding_width: usize,
    pub hidden: &'a wgpu::Buffer,
    pub hidden_gain: &'a wgpu::Buffer,
    /// What of the target's states the draft reads.
    pub taps: &'a Taps,
    pub y: &'a wgpu::Buffer,
    pub epsilon: f32,
}

impl Fuse<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let (e, h, tap) = (self.embedding_width, self.taps.width(), self.taps.layer_width());
        let state_stride = padded(tap) * self.taps.layers().len();
        let sizes = [e, h, padded(e), state_stride, tap, padded(tap), padded(e + h)].map(|n| n as u32);
        let shape = device.uniform(&[&sizes[..], &[self.epsilon.to_bits()]].concat());
        let Positions { state, pass } = self.positions;
        let buffers = [
            (0, &shape),
            (1, self.embedded),
            (2, self.hidden),
            (3, self.y),
            (4, self.embedding_gain),
            (5, self.hidden_gain),
            (7, state),
            (8, pass),
        ];
        let step = Step::new(device, "fuse.wgsl", &context! {}, &buffers, [2, self.rows])?;
        Ok(step.costing("fuse", (self.rows * (e + h) * 8) as u64, (self.rows * (e + h) * 4) as u64))
    }
}
