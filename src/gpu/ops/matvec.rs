//! Products of a matrix with rows of activations: where nearly all time is spent.

use minijinja::context;

use super::{Positions, padded, part_buffers, weights_context};
use crate::gpu::choice::Variant;
use crate::gpu::matrix::{Matrix, Part};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model::Activation;

/// Partial sums that a workgroup has room for at once, in f32: half of what every device has.
const PARTIAL_SUMS: usize = 2048;

/// What a matvec does with its sums.
#[derive(Clone, Copy)]
pub(in crate::gpu) enum Epilogue {
    /// `y = sum`
    Store,
    /// `y += sum`
    Residual,
    /// `y = cap * tanh(sum / cap)`
    Softcap(f32),
    /// `y = activation(gate) * up`
    Gate(Activation),
}

impl Epilogue {
    fn file(self) -> &'static str {
        match self {
            Self::Store => "epilogues/store.wgsl",
            Self::Residual => "epilogues/residual.wgsl",
            Self::Softcap(_) => "epilogues/softcap.wgsl",
            Self::Gate(_) => "epilogues/gate.wgsl",
        }
    }

    fn activation(self) -> &'static str {
        match self {
            Self::Gate(Activation::Silu) => "silu",
            Self::Gate(Activation::Gelu) => "gelu",
            _ => "",
        }
    }

    /// The cap as WGSL writes it.
    fn softcap(self) -> String {
        match self {
            Self::Softcap(cap) => format!("{cap:?}f"),
            _ => String::new(),
        }
    }

    /// What benches call the matvec.
    fn kernel(self, norm: bool) -> &'static str {
        match (norm, self) {
            (true, Self::Gate(_)) => "norm + gate/up",
            (true, _) => "norm + matvec",
            (false, Self::Residual) => "matvec + residual",
            (false, _) => "matvec",
        }
    }
}

/// `y[m, n] = epilogue(sum_k w[n, k] * norm(x)[m, k] + bias[n])`.
pub(in crate::gpu) struct Matvec<'a> {
    pub matrix: &'a Matrix,
    /// Rows of x.
    pub rows: usize,
    pub x: &'a wgpu::Buffer,
    /// First row of x.
    pub x_row: usize,
    /// RMS norm of x on the fly: its gain and epsilon.
    pub norm: Option<(&'a wgpu::Buffer, f32)>,
    pub y: &'a wgpu::Buffer,
    /// f32 between rows of y.
    pub y_stride: usize,
    /// One number a row of the matrix, where it has any.
    pub bias: Option<&'a wgpu::Buffer>,
    pub epilogue: Epilogue,
    pub positions: Positions<'a>,
}

impl Matvec<'_> {
    /// One step a part of the matrix.
    pub(in crate::gpu) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
        self.matrix.parts.iter().map(|part| self.step(device, part)).collect()
    }

    fn step(&self, device: &Device, part: &Part) -> Result<Step, Error> {
        let matrix = self.matrix;
        let [row_quads, row_groups] = matrix.row_sizes();
        let shape = [
            part.rows as u32,
            matrix.columns as u32,
            matrix.blocks() as u32,
            row_quads,
            row_groups,
            self.x_row as u32,
            (padded(matrix.columns) / 4) as u32,
            self.y_stride as u32,
            part.first_row as u32,
            self.norm.map_or(0.0, |(_, epsilon)| epsilon).to_bits(),
            self.rows as u32,
        ];
        let shape = device.uniform(&shape);
        let pairs = part.rows.div_ceil(2);
        let (variant, tile) = matrix.kernels.kernel(self.rows);
        let workgroup = variant.workgroup();
        let (lanes, rows_each) = (variant.lanes(), variant.rows());
        let pairs_each = workgroup / lanes * rows_each / 2;
        let kernel = match variant {
            Variant::Lane { .. } => "matvec_lane.wgsl",
            Variant::Group { .. } => "matvec_group.wgsl",
        };
        // Partial sums of a row of x: one an output, and those of its squares.
        let sums = (2 * pairs_each + usize::from(self.norm.is_some())) * (lanes + 1);
        let context = context! {
            M => tile,
            bodies => bodies(device, tile),
            R => rows_each,
            lanes,
            pairs_each,
            at_once => (PARTIAL_SUMS / sums).clamp(1, tile),
            workgroup,
            norm => self.norm.is_some(),
            bias => self.bias.is_some(),
            coarse_batches => device.break_batch_invariance,
            epilogue => context! { file => self.epilogue.file() },
            activation => self.epilogue.activation(),
            softcap => self.epilogue.softcap(),
            ..weights_context(matrix)
        };
        let Positions { state, pass } = self.positions;
        let mut buffers = vec![(0, &shape), (1, self.x), (2, self.y), (7, state), (8, pass)];
        buffers.extend(part_buffers(part));
        buffers.extend(self.norm.map(|(gain, _)| (5, gain)));
        buffers.extend(self.bias.map(|bias| (6, bias)));
        let workgroups = [pairs.div_ceil(pairs_each), self.rows.div_ceil(tile)];
        let step = Step::new(device, kernel, &context, &buffers, workgroups)?;
        let rows = self.rows as u64;
        let weights = part.codes.size() + part.params.as_ref().map_or(0, wgpu::Buffer::size);
        let activations = rows * (matrix.columns + part.rows) as u64 * 4;
        let flops = 2 * rows * (matrix.columns * part.rows) as u64;
        Ok(step.costing(self.epilogue.kernel(self.norm.is_some()), weights + activations, flops))
    }
}

/// The numbers of rows that a kernel for tiles of `tile` rows can do without doing more: rows at a pass's end often have nothing to do.
/// Software adapters run every body all the same, and compile each for a second.
fn bodies(device: &Device, tile: usize) -> Vec<usize> {
    let mut bodies = if device.is_software() { vec![tile] } else { vec![1, tile.div_ceil(2), tile] };
    bodies.dedup();
    bodies
}
