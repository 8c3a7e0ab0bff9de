//! What a draft's fusing matrix reads.

use super::{Positions, padded, part_buffers, weights_context};
use crate::gpu::matrix::{Matrix, Part};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model::Taps;

/// `y[m] = concat(rms_norm(w[tokens[position(m)]]), rms_norm(hidden[position(m) - 1]))`.
pub(in crate::gpu) struct Fuse<'a> {
    pub rows: usize,
    pub positions: Positions<'a>,
    /// The embedding.
    pub table: &'a Matrix,
    pub tokens: &'a wgpu::Buffer,
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
    /// One step a part of the table; the first has the states.
    pub(in crate::gpu) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
        let parts = self.table.parts.iter().enumerate();
        parts.map(|(i, part)| self.step(device, part, if i == 0 { 2 } else { 1 })).collect()
    }

    fn step(&self, device: &Device, part: &Part, halves: usize) -> Result<Step, Error> {
        let &Self { table, rows, positions: Positions { state, pass }, .. } = self;
        let (e, h, tap) = (self.embedding_width, self.taps.width(), self.taps.layer_width());
        let state_stride = padded(tap) * self.taps.layers().len();
        let [row_quads, row_groups] = table.row_sizes();
        let shape = device.uniform(&[
            e as u32,
            h as u32,
            tap as u32,
            padded(tap) as u32,
            state_stride as u32,
            padded(e + h) as u32,
            self.epsilon.to_bits(),
            part.rows as u32,
            part.first_row as u32,
            table.blocks() as u32,
            row_quads,
            row_groups,
            table.rows as u32,
        ]);
        let mut buffers = vec![
            (0, &shape),
            (1, self.tokens),
            (2, self.hidden),
            (5, self.embedding_gain),
            (6, self.hidden_gain),
            (7, state),
            (8, pass),
            (9, self.y),
        ];
        buffers.extend(part_buffers(part));
        let step = Step::new(device, "fuse.wgsl", &weights_context(table), &buffers, [halves, rows])?;
        Ok(step.costing("fuse", (rows * (e + h) * 8) as u64, (rows * (e + h) * 4) as u64))
    }
}
