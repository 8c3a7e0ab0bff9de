//! Norms of what layers add.

use minijinja::context;

use super::{Positions, padded};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// `x[m] += rms_norm(branch[m]) * gain`. Rows are `width` f32, padded.
pub(in crate::gpu) struct Norm<'a> {
    pub width: usize,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub branch: &'a wgpu::Buffer,
    pub gain: &'a wgpu::Buffer,
    pub epsilon: f32,
    pub x: &'a wgpu::Buffer,
}

impl Norm<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let shape = [self.width as u32, padded(self.width) as u32, self.epsilon.to_bits()];
        let shape = device.uniform(&shape);
        let Positions { state, pass } = self.positions;
        let buffers = [(0, &shape), (1, self.branch), (2, self.x), (5, self.gain), (7, state), (8, pass)];
        let step = Step::new(device, "norm.wgsl", &context! {}, &buffers, [1, self.rows])?;
        let values = (self.rows * self.width) as u64;
        Ok(step.costing("norm + residual", values * 12, values * 5))
    }
}
