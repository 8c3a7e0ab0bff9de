//! States that a draft reads.

use minijinja::context;

use super::{Positions, padded};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// `hidden[position(m)] = x[m]` for `rows` rows of the pass from `first_row` on. Rows are `width` f32, padded.
pub(in crate::gpu) struct Keep<'a> {
    pub width: usize,
    pub rows: usize,
    pub first_row: usize,
    pub positions: Positions<'a>,
    pub x: &'a wgpu::Buffer,
    pub hidden: &'a wgpu::Buffer,
}

impl Keep<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let quads = padded(self.width) / 4;
        let shape = device.uniform(&[quads as u32, self.first_row as u32]);
        let Positions { state, pass } = self.positions;
        let buffers = [(0, &shape), (1, self.x), (2, self.hidden), (7, state), (8, pass)];
        let step = Step::new(device, "keep.wgsl", &context! {}, &buffers, [quads.div_ceil(64), self.rows])?;
        Ok(step.costing("keep states", (self.rows * self.width * 8) as u64, 0))
    }
}
