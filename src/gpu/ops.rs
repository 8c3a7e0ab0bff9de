//! The kernels as operations: each turns shapes and buffers into the steps of a plan.

use std::ops::Range;

use minijinja::{Value, context};

use super::layout::BLOCK;
use super::matrix::{Matrix, Part};
use super::plan::{Cost, Step};
use super::{Device, Error, Variant};
use crate::model::{Config, RopeStyle};

/// Columns padded to whole blocks: the stride in f32 of every activation that a matvec reads.
pub(super) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(BLOCK)
}

/// What a matvec does with its sums.
#[derive(Clone, Copy)]
pub(super) enum Epilogue {
    /// `y = sum`
    Store,
    /// `y += sum`
    Residual,
    /// `y = silu(gate) * up`
    SiluGate,
}

impl Epilogue {
    fn file(self) -> &'static str {
        match self {
            Self::Store => "epilogues/store.wgsl",
            Self::Residual => "epilogues/residual.wgsl",
            Self::SiluGate => "epilogues/silu_gate.wgsl",
        }
    }

    /// What benches call the matvec.
    fn kernel(self, norm: bool) -> &'static str {
        match (norm, self) {
            (true, Self::SiluGate) => "norm + gate/up + silu",
            (true, _) => "norm + matvec",
            (false, Self::Residual) => "matvec + residual",
            (false, _) => "matvec",
        }
    }
}

/// `y[m, n] = epilogue(sum_k w[n, k] * norm(x)[m, k] + bias[n])`.
pub(super) struct Matvec<'a> {
    pub matrix: &'a Matrix,
    /// Rows of x that a workgroup shares a load of weights for, and how many such tiles there are.
    pub rows: usize,
    pub tiles: usize,
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
    pub variant: Variant,
    pub positions: Positions<'a>,
}

/// What the kernels' `order` and `layout` files need.
fn weights_context(matrix: &Matrix) -> Value {
    context! {
        order => context! { file => matrix.order.file() },
        layout => context! { file => matrix.layout.file() },
        params => matrix.layout.params_words(),
        group => matrix.layout.group,
    }
}

fn part_buffers(part: &Part) -> impl Iterator<Item = (u32, &wgpu::Buffer)> {
    std::iter::once((3, &part.codes)).chain(part.params.as_ref().map(|p| (4, p)))
}

impl Matvec<'_> {
    /// One step a part of the matrix.
    pub(super) fn steps(&self, device: &Device) -> Result<Vec<Step>, Error> {
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
        ];
        let shape = device.uniform(&shape);
        let pairs = part.rows.div_ceil(2);
        let (kernel, per_workgroup, lanes, rows_each) = match self.variant {
            Variant::Lane { rows, workgroup } => ("matvec_lane.wgsl", workgroup * rows / 2, 1, rows),
            Variant::Group { lanes, workgroup } => ("matvec_group.wgsl", workgroup / lanes, lanes, 2),
        };
        let context = context! {
            M => self.rows,
            R => rows_each,
            lanes,
            workgroup => self.variant.workgroup(),
            norm => self.norm.is_some(),
            bias => self.bias.is_some(),
            coarse_batches => device.break_batch_invariance,
            epilogue => context! { file => self.epilogue.file() },
            ..weights_context(matrix)
        };
        let Positions { state, pass } = self.positions;
        let mut buffers = vec![(0, &shape), (1, self.x), (2, self.y), (7, state), (8, pass)];
        buffers.extend(part_buffers(part));
        buffers.extend(self.norm.map(|(gain, _)| (5, gain)));
        buffers.extend(self.bias.map(|bias| (6, bias)));
        let step =
            Step::new(device, kernel, &context, &buffers, [pairs.div_ceil(per_workgroup), self.tiles])?;
        let rows = (self.rows * self.tiles) as u64;
        let weights = part.codes.size() + part.params.as_ref().map_or(0, wgpu::Buffer::size);
        let activations = rows * (matrix.columns + part.rows) as u64 * 4;
        let flops = 2 * rows * (matrix.columns * part.rows) as u64;
        Ok(step.costing(self.epilogue.kernel(self.norm.is_some()), weights + activations, flops))
    }
}

/// Buffers that say which positions the rows of a pass have.
#[derive(Clone, Copy)]
pub(super) struct Positions<'a> {
    pub state: &'a wgpu::Buffer,
    pub pass: &'a wgpu::Buffer,
}

/// `x[m] = w[tokens[position(m)]]`, one step a part of the table.
pub(super) fn embed(
    device: &Device,
    table: &Matrix,
    rows: usize,
    positions: Positions<'_>,
    tokens: &wgpu::Buffer,
    x: &wgpu::Buffer,
) -> Result<Vec<Step>, Error> {
    let step = |part: &Part| {
        let [row_quads, row_groups] = table.row_sizes();
        let shape = device.uniform(&[
            part.rows as u32,
            part.first_row as u32,
            table.blocks() as u32,
            row_quads,
            row_groups,
            (padded(table.columns) / 4) as u32,
            table.rows as u32,
        ]);
        let context = weights_context(table);
        let mut buffers = vec![(0, &shape), (1, tokens), (2, x), (7, positions.state), (8, positions.pass)];
        buffers.extend(part_buffers(part));
        let step = Step::new(device, "embed.wgsl", &context, &buffers, [table.blocks().div_ceil(64), rows])?;
        Ok(step.costing("embed", (rows * table.columns * 8) as u64, 0))
    };
    table.parts.iter().map(step).collect()
}

/// `hidden[position(m)] = x[m]` for `rows` rows of the pass from `first_row` on. Rows are `width` f32, padded.
pub(super) struct Keep<'a> {
    pub width: usize,
    pub rows: usize,
    pub first_row: usize,
    pub positions: Positions<'a>,
    pub x: &'a wgpu::Buffer,
    pub hidden: &'a wgpu::Buffer,
}

impl Keep<'_> {
    pub(super) fn step(&self, device: &Device) -> Result<Step, Error> {
        let quads = padded(self.width) / 4;
        let shape = device.uniform(&[quads as u32, self.first_row as u32]);
        let Positions { state, pass } = self.positions;
        let buffers = [(0, &shape), (1, self.x), (2, self.hidden), (7, state), (8, pass)];
        let step = Step::new(device, "keep.wgsl", &context! {}, &buffers, [quads.div_ceil(64), self.rows])?;
        Ok(step.costing("keep states", (self.rows * self.width * 8) as u64, 0))
    }
}

/// `y[m] = concat(rms_norm(embedded[m]), rms_norm(hidden[position(m) - 1]))`.
pub(super) struct Fuse<'a> {
    pub rows: usize,
    pub positions: Positions<'a>,
    pub embedded: &'a wgpu::Buffer,
    pub embedding_gain: &'a wgpu::Buffer,
    pub embedding_width: usize,
    pub hidden: &'a wgpu::Buffer,
    pub hidden_gain: &'a wgpu::Buffer,
    pub hidden_width: usize,
    pub y: &'a wgpu::Buffer,
    pub epsilon: f32,
}

impl Fuse<'_> {
    pub(super) fn step(&self, device: &Device) -> Result<Step, Error> {
        let (e, h) = (self.embedding_width, self.hidden_width);
        let sizes = [e, h, padded(e), padded(h), padded(e + h)].map(|n| n as u32);
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

/// Copies the rows `ids` of a table of `words` words a row: those among the rows of it that `source` holds, to the rows of
/// the copy that `copy` holds. `word_major`: whether words of neighbouring rows are neighbours.
pub(super) fn gather(
    device: &Device,
    ids: &wgpu::Buffer,
    words: usize,
    word_major: bool,
    source: (&wgpu::Buffer, Range<usize>),
    copy: (&wgpu::Buffer, Range<usize>),
) -> Result<Step, Error> {
    let ((source, from), (copy, to)) = (source, copy);
    let rows = [from.start, from.len(), to.start, to.len()].map(|n| n as u32);
    let shape = device.uniform(&[&[words as u32, u32::from(word_major)], &rows[..]].concat());
    let buffers = [(0, &shape), (1, ids), (2, source), (3, copy)];
    Step::new(device, "gather.wgsl", &context! {}, &buffers, [words.div_ceil(64), to.len()])
}

/// `logits[m, v] = said[m, draft_id[v]]` for `rows` rows.
pub(super) fn spread(
    device: &Device,
    rows: usize,
    [draft_ids, vocab]: [usize; 2],
    said: &wgpu::Buffer,
    logits: &wgpu::Buffer,
    draft_id: &wgpu::Buffer,
) -> Result<Step, Error> {
    let shape = device.uniform(&[vocab as u32, draft_ids as u32]);
    let buffers = [(0, &shape), (1, said), (2, logits), (3, draft_id)];
    let step = Step::new(device, "spread.wgsl", &context! {}, &buffers, [vocab.div_ceil(64), rows])?;
    Ok(step.costing("spread", (rows * vocab * 8) as u64, 0))
}

/// Rotates q and k and writes k and v to the cache.
pub(super) struct Rope<'a> {
    pub config: &'a Config,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub qkv: &'a wgpu::Buffer,
    pub q: &'a wgpu::Buffer,
    pub keys: &'a wgpu::Buffer,
    pub values: &'a wgpu::Buffer,
    pub rotation: &'a wgpu::Buffer,
    /// Gains of the heads' norms, q's then k's (qwen3).
    pub gains: Option<&'a wgpu::Buffer>,
}

impl Rope<'_> {
    pub(super) fn step(&self, device: &Device) -> Result<Step, Error> {
        let c = self.config;
        let shape = device.uniform(&[
            c.heads as u32,
            c.kv_heads as u32,
            (c.rope.dim / 2) as u32,
            (c.q_width() + 2 * c.kv_width()) as u32,
            c.q_width() as u32,
            c.rms_eps.to_bits(),
        ]);
        let context = context! {
            head_dim => c.head_dim,
            interleaved => c.rope.style == RopeStyle::Interleaved,
            qk_norm => self.gains.is_some(),
        };
        let mut buffers = vec![
            (0, &shape),
            (1, self.qkv),
            (2, self.q),
            (3, self.keys),
            (4, self.values),
            (5, self.rotation),
            (7, self.positions.state),
            (8, self.positions.pass),
        ];
        buffers.extend(self.gains.map(|g| (6, g)));
        let pairs = (c.heads + 2 * c.kv_heads) * c.head_dim / 2;
        let step = Step::new(device, "rope.wgsl", &context, &buffers, [pairs.div_ceil(64), self.rows])?;
        Ok(step.costing("rope + cache", (self.rows * pairs * 16) as u64, (self.rows * pairs * 6) as u64))
    }
}

/// Invocations of an attention workgroup: a chunk has four keys for each.
const ATTENTION_WORKGROUP: usize = 16;

/// Positions that the caches hold more than their capacity, so that attention can read whole quads of them.
pub(super) const CACHE_SLACK: usize = 3;

/// Softmax attention over the cache.
pub(super) struct Attention<'a> {
    pub config: &'a Config,
    pub rows: usize,
    pub positions: Positions<'a>,
    pub q: &'a wgpu::Buffer,
    pub out: &'a wgpu::Buffer,
    pub keys: &'a wgpu::Buffer,
    pub values: &'a wgpu::Buffer,
}

impl Attention<'_> {
    pub(super) fn step(&self, device: &Device) -> Result<Step, Error> {
        let c = self.config;
        let shape = device.uniform(&[
            (c.heads / c.kv_heads) as u32,
            (c.q_width() / 4) as u32,
            (padded(c.q_width()) / 4) as u32,
            (1.0 / (c.head_dim as f32).sqrt()).to_bits(),
        ]);
        let shared = c.heads / c.kv_heads;
        let heads = (1..=8).rev().find(|n| shared.is_multiple_of(*n)).unwrap_or(1);
        let context = context! {
            head_dim => c.head_dim,
            heads,
            workgroup => ATTENTION_WORKGROUP,
            columns => (c.head_dim / 4).div_ceil(ATTENTION_WORKGROUP),
        };
        let buffers = [
            (0, &shape),
            (1, self.q),
            (2, self.out),
            (3, self.keys),
            (4, self.values),
            (7, self.positions.state),
            (8, self.positions.pass),
        ];
        Step::new(device, "attention.wgsl", &context, &buffers, [c.heads / heads, self.rows])
    }
}

/// What attention of `rows` rows over `context` positions must at least do.
pub(super) fn attention_cost(c: &Config, rows: usize, context: usize) -> Cost {
    let cache = 2 * context * c.kv_width() * 4;
    Cost {
        bytes: (cache + 2 * rows * c.q_width() * 4) as u64,
        flops: (4 * rows * context * c.q_width()) as u64,
    }
}
