//! States that a draft reads.

use minijinja::context;

use super::{Positions, padded};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// Where states go that a draft reads: `hidden[position(m), tap] = x[m]` for the first rows of a pass.
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Kept<'a> {
    /// `[position, tap]` of rows of x.
    pub hidden: &'a wgpu::Buffer,
    /// So many rows of the pass.
    pub rows: usize,
    /// Taps of a state.
    pub taps: usize,
    /// The first of them that is written, and the one behind the last.
    pub to: [usize; 2],
}

/// Keeps rows of x, which are `width` f32, padded.
pub(in crate::gpu) struct Keep<'a> {
    pub width: usize,
    pub to: Kept<'a>,
    pub positions: Positions<'a>,
    pub x: &'a wgpu::Buffer,
}

impl Keep<'_> {
    pub(in crate::gpu) fn step(&self, device: &Device) -> Result<Step, Error> {
        let Kept { hidden, rows, taps, to: [first, end] } = self.to;
        let quads = padded(self.width) / 4;
        let shape = device.uniform(&[quads, taps, first].map(|n| n as u32));
        let Positions { state, pass } = self.positions;
        let buffers = [(0, &shape), (1, self.x), (2, hidden), (7, state), (8, pass)];
        let workgroups = [quads.div_ceil(64), rows, end - first];
        let step = Step::new(device, "keep.wgsl", &context! {}, &buffers, workgroups)?;
        Ok(step.costing("keep states", (rows * (end - first) * self.width * 8) as u64, 0))
    }
}
