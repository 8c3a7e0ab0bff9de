//! Products of a matrix with rows of activations: where nearly all time is spent.

use minijinja::{Value, context};

use super::{Heads, Kept, Positions, Sums, padded, part_buffers, weights_context};
use crate::gpu::choice::Variant;
use crate::gpu::matrix::{Matrix, Part};
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};
use crate::model::Activation;

/// What every device has room for in a workgroup, in f32.
const WORKGROUP_WORDS: usize = 4096;
/// Partial sums that a workgroup takes at most.
const PARTIAL_SUMS: usize = 2048;

/// What a matvec does with its sums.
#[derive(Clone, Copy)]
pub(in crate::gpu) enum Epilogue<'a> {
    /// `y = sum`
    Store,
    /// `y += sum`, which may be kept.
    Residual(Option<Kept<'a>>),
    /// `y = cap * tanh(sum / cap)`
    Softcap(f32),
    /// `y = activation(gate) * up`
    Gate(Activation),
    /// The heads of q are turned and go to y, those of k and v to the cache.
    Heads(Heads<'a>),
}

/// One number a row of a matrix.
#[derive(Clone)]
pub(in crate::gpu) enum Bias {
    /// A buffer of them.
    Own(wgpu::Buffer),
    /// They stand behind the gain of the norm, padded to whole blocks.
    BehindGain,
}

impl Epilogue<'_> {
    fn file(self) -> &'static str {
        match self {
            Self::Store => "epilogues/store.wgsl",
            Self::Residual(_) => "epilogues/residual.wgsl",
            Self::Softcap(_) => "epilogues/softcap.wgsl",
            Self::Gate(_) => "epilogues/gate.wgsl",
            Self::Heads(_) => "epilogues/heads.wgsl",
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

    /// What its file needs.
    fn context(self) -> Value {
        match self {
            Self::Heads(heads) => heads.context(),
            Self::Residual(kept) => context! { keeps => kept.is_some() },
            _ => context! { activation => self.activation(), softcap => self.softcap() },
        }
    }

    /// What it writes beside y, and reads.
    fn buffers(self, device: &Device) -> Vec<(u32, wgpu::Buffer)> {
        match self {
            Self::Heads(heads) => heads.buffers(device).to_vec(),
            Self::Residual(Some(Kept { hidden, rows, taps, to: [first, end] })) => {
                let kept = [rows, taps, first, end].map(|n| n as u32);
                vec![(9, hidden.clone()), (10, device.uniform(&kept))]
            }
            _ => Vec::new(),
        }
    }

    /// What benches call the matvec.
    fn kernel(self, norm: bool) -> &'static str {
        match (norm, self) {
            (true, Self::Gate(_)) => "norm + gate/up",
            (true, Self::Heads(_)) => "norm + qkv + rope + cache",
            (true, _) => "norm + matvec",
            (false, Self::Residual(_)) => "matvec + residual",
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
    /// Sums of attention that are to be merged to x, in its place, for every [tile](Self::merges) by itself.
    pub sums: Option<&'a Sums<'a>>,
    /// First row of x.
    pub x_row: usize,
    /// RMS norm of x on the fly: its gain and epsilon.
    pub norm: Option<(&'a wgpu::Buffer, f32)>,
    pub y: &'a wgpu::Buffer,
    /// f32 between rows of y.
    pub y_stride: usize,
    /// One number a row of the matrix, where it has any.
    pub bias: Option<&'a Bias>,
    pub epilogue: Epilogue<'a>,
    pub positions: Positions<'a>,
}

impl Matvec<'_> {
    /// Whether what multiplies `rows` rows with `matrix` can read attention's [`Sums`], and merge them as it does: a workgroup has
    /// rows of x to itself, and room for them.
    pub(in crate::gpu) fn merges(matrix: &Matrix, rows: usize) -> bool {
        let (variant, _) = matrix.kernels.kernel(rows);
        matches!(variant, Variant::Group { .. }) && merged_rows(variant, matrix) > 0
    }

    /// One step a part of the matrix.
    pub(in crate::gpu) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
        self.matrix.parts.iter().map(|part| self.step(device, part)).collect()
    }

    fn step(&self, device: &Device, part: &Part) -> Result<Step, Error> {
        let matrix = self.matrix;
        let [row_quads, row_groups] = matrix.row_sizes();
        let quads = padded(matrix.columns) / 4;
        let shape = [
            part.rows as u32,
            matrix.columns as u32,
            matrix.blocks() as u32,
            row_quads,
            row_groups,
            self.x_row as u32,
            quads as u32,
            self.y_stride as u32,
            part.first_row as u32,
            self.norm.map_or(0.0, |(_, epsilon)| epsilon).to_bits(),
            self.rows as u32,
        ];
        let shape = device.uniform(&shape);
        let pairs = part.rows.div_ceil(2);
        let (variant, mut tile) = matrix.kernels.kernel(self.rows);
        if self.sums.is_some() {
            // Another variant may be best for fewer rows, but they would need other room.
            tile = tile.min(merged_rows(variant, matrix));
        }
        let workgroup = variant.workgroup();
        let (lanes, rows_each) = (variant.lanes(), variant.rows());
        let pairs_each = pairs_each(variant);
        let kernel = match variant {
            Variant::Lane { .. } => "matvec_lane.wgsl",
            Variant::Group { .. } => "matvec_group.wgsl",
        };
        let sums = partial_sums(variant, self.norm.is_some());
        let merges = if self.sums.is_some() { quads } else { 0 };
        let room = PARTIAL_SUMS.min(WORKGROUP_WORDS - 4 * merges * tile);
        let merging = self.sums.map_or_else(|| context! {}, |sums| sums.context.clone());
        let files = context! { ..self.epilogue.context(), ..weights_context(matrix), ..merging };
        let context = context! {
            M => tile,
            bodies => bodies(device, tile),
            R => rows_each,
            lanes,
            pairs_each,
            at_once => (room / sums).clamp(1, tile),
            workgroup,
            norm => self.norm.is_some(),
            merges,
            bias => match self.bias {
                Some(Bias::Own(_)) => "own",
                Some(Bias::BehindGain) => "behind the gain",
                None => "",
            },
            coarse_batches => device.break_batch_invariance,
            epilogue => context! { file => self.epilogue.file() },
            ..files
        };
        let Positions { state, pass } = self.positions;
        let beside = self.epilogue.buffers(device);
        let mut buffers = vec![(0, &shape), (2, self.y), (7, state), (8, pass)];
        match self.sums {
            Some(sums) => buffers.extend([(1, sums.partials), (12, &sums.attend)]),
            None => buffers.push((1, self.x)),
        }
        buffers.extend(beside.iter().map(|(binding, buffer)| (*binding, buffer)));
        buffers.extend(part_buffers(part));
        buffers.extend(self.norm.map(|(gain, _)| (5, gain)));
        if let Some(Bias::Own(bias)) = self.bias {
            buffers.push((6, bias));
        }
        let workgroups = [pairs.div_ceil(pairs_each), self.rows.div_ceil(tile)];
        let step = Step::new(device, kernel, &context, &buffers, workgroups)?;
        let rows = self.rows as u64;
        let weights = part.codes.size() + part.params.as_ref().map_or(0, wgpu::Buffer::size);
        let activations = rows * (matrix.columns + part.rows) as u64 * 4;
        let flops = 2 * rows * (matrix.columns * part.rows) as u64;
        Ok(step.costing(self.epilogue.kernel(self.norm.is_some()), weights + activations, flops))
    }
}

fn pairs_each(variant: Variant) -> usize {
    variant.workgroup() / variant.lanes() * variant.rows() / 2
}

/// Partial sums of a row of x: one an output, and with a norm those of its squares.
fn partial_sums(variant: Variant, norm: bool) -> usize {
    (2 * pairs_each(variant) + usize::from(norm)) * (variant.lanes() + 1)
}

/// Rows of x that a workgroup has room for beside the partial sums of one.
fn merged_rows(variant: Variant, matrix: &Matrix) -> usize {
    WORKGROUP_WORDS.saturating_sub(partial_sums(variant, false)) / padded(matrix.columns)
}

/// The numbers of rows that a kernel for tiles of `tile` rows can do without doing more: rows at a pass's end often have nothing to do.
/// Software adapters run every body all the same, and compile each for a second.
fn bodies(device: &Device, tile: usize) -> Vec<usize> {
    let mut bodies = if device.is_software() { vec![tile] } else { vec![1, tile.div_ceil(2), tile] };
    bodies.dedup();
    bodies
}
