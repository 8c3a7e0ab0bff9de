//! States that a draft reads.

use std::ops::Range;

use minijinja::context;

use super::{Positions, padded};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// `hidden[position(m), tap] = x[m]` for `rows` rows of the pass from `first_row` on, and for the taps `to` of the `taps` that a
/// state has. Rows of x and taps are `width` f32, padded.
pub(in crate::gpu) struct Keep<'a> {
    pub width: usize,
    pub rows: usize,
    pub first_row: usize,
    pub taps: usize,
    pub to: Range<usize>,
    pub positions: Positions<'a>,
    pub x: &'a wgpu::Buffer,
    pub hidden: &'a wgpu::Buffer,
}

impl Keep<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let quads = padded(self.width) / 4;
        let shape = [quads, self.first_row, self.taps, self.to.start].map(|n| n as u32);
        let shape = device.uniform(&shape);
        let Positions { state, pass } = self.positions;
        let buffers = [(0, &shape), (1, self.x), (2, self.hidden), (7, state), (8, pass)];
        let workgroups = [quads.div_ceil(64), self.rows, self.to.len()];
        let step = Step::new(device, "keep.wgsl", &context! {}, &buffers, workgroups)?;
        Ok(step.costing("keep states", (self.rows * self.to.len() * self.width * 8) as u64, 0))
    }
}
