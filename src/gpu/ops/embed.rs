//! Rows of the embedding.

use minijinja::context;

use super::{Positions, padded, part_buffers, weights_context};
use crate::gpu::matrix::{Matrix, Part};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// `x[m] = scale * w[tokens[position(m)]]`.
pub(in crate::gpu) struct Embed<'a> {
    pub table: &'a Matrix,
    pub scale: f32,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub tokens: &'a wgpu::Buffer,
    pub x: &'a wgpu::Buffer,
}

impl Embed<'_> {
    /// One step a part of the table.
    pub(in crate::gpu) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
        self.table.parts.iter().map(|part| self.step(device, part)).collect()
    }

    fn step(&self, device: &Device, part: &Part) -> Result<Step, Error> {
        let &Self { table, rows, positions, tokens, x, scale } = self;
        let [row_quads, row_groups] = table.row_sizes();
        let shape = device.uniform(&[
            part.rows as u32,
            part.first_row as u32,
            table.blocks() as u32,
            row_quads,
            row_groups,
            (padded(table.columns) / 4) as u32,
            table.rows as u32,
            scale.to_bits(),
        ]);
        let context = context! { scaled => scale != 1.0, ..weights_context(table) };
        let mut buffers = vec![(0, &shape), (1, tokens), (2, x), (7, positions.state), (8, positions.pass)];
        buffers.extend(part_buffers(part));
        let step = Step::new(device, "embed.wgsl", &context, &buffers, [table.blocks().div_ceil(64), rows])?;
        Ok(step.costing("embed", (rows * table.columns * 8) as u64, 0))
    }
}
