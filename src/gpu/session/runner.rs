//! A model with its KV cache and activations, and the plans of its passes over them.

use std::collections::HashMap;
use std::rc::Rc;

use super::{MAX_ROWS, PREFILL_ROWS};
use crate::gpu::model::{Fuse, Ids, Model, Projection};
use crate::gpu::ops::{self, Attention, CACHE_SLACK, Epilogue, Matvec, Positions, Rope, padded};
use crate::gpu::plan::Plan;
use crate::gpu::sampler::{self, Laws, Mode};
use crate::gpu::{Device, Error};
use crate::round::Memory;

/// Most rows that share a load of weights: beyond, accumulators no longer fit registers.
const MAX_TILE: usize = 8;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    /// Fills the cache with so many rows behind the length.
    Fill { rows: usize },
    /// Verifies a proposal: logits, the target's law, acceptance, commit.
    Verify { rows: usize },
    /// The draft's first step of a round: reads as many of the last committed tokens as it may lag behind.
    DraftFirst { rows: usize },
    /// Another step of the draft.
    DraftNext,
}

impl Pass {
    pub(super) fn rows(self) -> usize {
        match self {
            Self::Fill { rows } | Self::Verify { rows } | Self::DraftFirst { rows } => rows,
            Self::DraftNext => 1,
        }
    }

    /// Rows with logits, and the first of them.
    fn head(self) -> Option<(usize, usize)> {
        match self {
            Self::Fill { .. } => None,
            Self::Verify { rows } => Some((rows, 0)),
            Self::DraftFirst { .. } | Self::DraftNext => Some((1, self.rows() - 1)),
        }
    }

    /// `draft, back` of `pass.wgsl`.
    fn words(self) -> [u32; 2] {
        match self {
            Self::Fill { .. } | Self::Verify { .. } => [0, 0],
            Self::DraftFirst { rows } => [1, rows as u32 - 1],
            Self::DraftNext => [1, 0],
        }
    }
}

/// Buffers of the session that its passes share.
pub(super) struct Shared {
    /// `tokens[position]` of the whole context and the current proposal.
    pub tokens: wgpu::Buffer,
    /// `state.wgsl`
    pub state: wgpu::Buffer,
    /// `sampling.wgsl`
    pub sampling: wgpu::Buffer,
    /// `commit.wgsl`: Result
    pub result: wgpu::Buffer,
    /// Sums of `residual.wgsl`.
    pub residuals: wgpu::Buffer,
    /// Rows of the draft's law; those of the target where no draft model is loaded: bound, never read.
    pub draft_rows: Option<(wgpu::Buffer, usize)>,
    /// The target's final state at each position it has read, where the draft reads them. A draft that goes on writes its
    /// own state at the position it has come to, until the target's is known.
    pub hidden: Option<wgpu::Buffer>,
}

pub(super) struct Runner {
    pub model: Rc<Model>,
    /// Keys and values, a layer each.
    caches: Vec<[wgpu::Buffer; 2]>,
    x: wgpu::Buffer,
    qkv: wgpu::Buffer,
    q: wgpu::Buffer,
    attention: wgpu::Buffer,
    mlp: wgpu::Buffer,
    /// Of a draft that reads its target's states: embeddings, and what its fusing matrix reads.
    fusing: Option<[wgpu::Buffer; 2]>,
    /// Logits over its own ids, of a draft that says only some of its target's.
    said: Option<wgpu::Buffer>,
    pub logits: wgpu::Buffer,
    best: wgpu::Buffer,
    /// Made for the first generation that samples.
    pub laws: Option<Laws>,
    /// Embedding and layers.
    bodies: HashMap<Pass, Plan>,
    /// From the head to the commit.
    tails: HashMap<(Pass, Mode), Plan>,
    /// Positions that the cache holds valid keys and values for.
    cached: usize,
}

impl Runner {
    pub(super) fn new(device: &Device, model: Rc<Model>) -> Result<Self, Error> {
        let c = &model.config;
        let cache =
            |what| device.storage(what, (c.kv_width() * model.capacity + CACHE_SLACK * c.head_dim) as u64);
        let caches = (0..c.layers).map(|_| Ok([cache("a layer's keys")?, cache("a layer's values")?]));
        let rows = |what, width: usize, rows: usize| device.storage(what, (width * rows) as u64);
        let fusing = |fuse: &Fuse| {
            let (e, h) = (fuse.embedding_width, fuse.hidden_width);
            Ok::<_, Error>([
                rows("embedded", padded(e), PREFILL_ROWS)?,
                rows("fused", padded(e + h), PREFILL_ROWS)?,
            ])
        };
        let said = |_: &Ids| rows("what the draft says", c.head_vocab, MAX_ROWS);
        let vocab = model.law_width();
        Ok(Self {
            caches: caches.collect::<Result<_, Error>>()?,
            x: rows("x", padded(c.width), PREFILL_ROWS)?,
            qkv: rows("qkv", c.q_width() + 2 * c.kv_width(), PREFILL_ROWS)?,
            q: rows("q", c.q_width(), PREFILL_ROWS)?,
            attention: rows("attention", padded(c.q_width()), PREFILL_ROWS)?,
            mlp: rows("mlp", padded(c.ff), PREFILL_ROWS)?,
            fusing: model.fuse.as_ref().map(fusing).transpose()?,
            said: model.ids.as_ref().map(said).transpose()?,
            logits: rows("logits", vocab, MAX_ROWS)?,
            best: rows("best", sampler::slices(vocab) * 2, MAX_ROWS)?,
            laws: None,
            bodies: HashMap::new(),
            tails: HashMap::new(),
            cached: 0,
            model,
        })
    }

    /// Says that passes leave it with the first `len` positions read.
    pub(super) fn read_to(&mut self, len: usize) {
        self.cached = len;
    }

    /// Makes the buffers of laws if this is their first use.
    pub(super) fn need_laws(&mut self, device: &Device) -> Result<(), Error> {
        if self.laws.is_none() {
            self.laws = Some(Laws::new(device, self.model.law_width())?);
        }
        Ok(())
    }

    /// The dispatches of `pass` in `mode`, once they are prepared.
    pub(super) fn plans(&self, pass: Pass, mode: Mode) -> impl Iterator<Item = &Plan> {
        self.bodies.get(&pass).into_iter().chain(self.tails.get(&(pass, mode)))
    }

    /// Makes the plans of `pass` if this is its first use.
    pub(super) fn prepare(
        &mut self,
        device: &Device,
        shared: &Shared,
        pass: Pass,
        mode: Mode,
    ) -> Result<(), Error> {
        let [draft, back] = pass.words();
        let pass_words = device.uniform(&[draft, back, self.model.capacity as u32]);
        let positions = Positions { state: &shared.state, pass: &pass_words };
        if !self.bodies.contains_key(&pass) {
            let body = self.body(device, shared, pass, positions)?;
            self.bodies.insert(pass, body);
        }
        if !self.tails.contains_key(&(pass, mode))
            && let Some((rows, x_row)) = pass.head()
        {
            let drafts = draft == 1;
            let tail = self.tail(device, shared, [rows, x_row], positions, mode, drafts)?;
            self.tails.insert((pass, mode), tail);
        }
        Ok(())
    }

    /// Embedding and layers: 6 dispatches a layer.
    fn body(
        &self,
        device: &Device,
        shared: &Shared,
        pass: Pass,
        positions: Positions<'_>,
    ) -> Result<Plan, Error> {
        let model = &*self.model;
        let c = &model.config;
        let rows = pass.rows();
        let tile = tile(rows);
        let matvec = |projection: &Projection, x, norm, y, y_stride, epilogue| {
            let (matrix, bias) = (&*projection.matrix, projection.bias.as_ref());
            let (tiles, variant) = (rows / tile, model.variant);
            let (rows, x_row) = (tile, 0);
            Matvec { matrix, rows, tiles, x, x_row, norm, y, y_stride, bias, epilogue, variant, positions }
                .steps(device)
        };
        let embed = |x| ops::embed(device, &model.embedding, rows, positions, &shared.tokens, x);
        let mut plan = Plan::default();
        match (&model.fuse, &self.fusing, &shared.hidden) {
            (Some(fuse), Some([embedded, fused]), Some(hidden)) => {
                plan.steps.extend(embed(embedded)?);
                let fusing = ops::Fuse {
                    rows,
                    positions,
                    embedded,
                    embedding_gain: &fuse.embedding_gain,
                    embedding_width: fuse.embedding_width,
                    hidden,
                    hidden_gain: &fuse.hidden_gain,
                    hidden_width: fuse.hidden_width,
                    y: fused,
                    epsilon: c.rms_eps,
                };
                plan.steps.push(fusing.step(device)?);
                let width = padded(c.width);
                plan.steps.extend(matvec(&fuse.projection, fused, None, &self.x, width, Epilogue::Store)?);
            }
            _ => plan.steps.extend(embed(&self.x)?),
        }
        for (layer, [keys, values]) in model.layers.iter().zip(&self.caches) {
            let qkv_width = c.q_width() + 2 * c.kv_width();
            let norm = Some((&layer.attention_gain, c.rms_eps));
            plan.steps.extend(matvec(&layer.qkv, &self.x, norm, &self.qkv, qkv_width, Epilogue::Store)?);
            let rope = Rope {
                config: c,
                rows,
                positions,
                qkv: &self.qkv,
                q: &self.q,
                keys,
                values,
                rotation: &model.rotation,
                gains: layer.head_gains.as_ref(),
            };
            plan.steps.push(rope.step(device)?);
            let attention =
                Attention { config: c, rows, positions, q: &self.q, out: &self.attention, keys, values };
            plan.steps.push(attention.step(device)?);
            let width = padded(c.width);
            let output = &layer.attention_output;
            plan.steps.extend(matvec(output, &self.attention, None, &self.x, width, Epilogue::Residual)?);
            let norm = Some((&layer.mlp_gain, c.rms_eps));
            let gate_up = &layer.gate_up;
            plan.steps.extend(matvec(gate_up, &self.x, norm, &self.mlp, padded(c.ff), Epilogue::SiluGate)?);
            plan.steps.extend(matvec(&layer.down, &self.mlp, None, &self.x, width, Epilogue::Residual)?);
        }
        if let (Some(hidden), Some((rows, first_row))) = (&shared.hidden, self.kept_rows(pass)) {
            let (width, x) = (c.width, &self.x);
            plan.steps.push(ops::Keep { width, rows, first_row, positions, x, hidden }.step(device)?);
        }
        Ok(plan)
    }

    /// Rows whose states are kept for a draft that reads them, and the first of them: all of the target's, and of the
    /// draft's own where it may go on, the last.
    fn kept_rows(&self, pass: Pass) -> Option<(usize, usize)> {
        match pass {
            Pass::Fill { rows } | Pass::Verify { rows } => self.model.fuse.is_none().then_some((rows, 0)),
            Pass::DraftFirst { .. } | Pass::DraftNext => self.model.fuse.as_ref().and(pass.head()),
        }
    }

    /// Logits of `rows` rows from `x_row` on, and what becomes of them.
    fn tail(
        &self,
        device: &Device,
        shared: &Shared,
        [rows, x_row]: [usize; 2],
        positions: Positions<'_>,
        mode: Mode,
        drafts: bool,
    ) -> Result<Plan, Error> {
        let model = &*self.model;
        let vocab = model.law_width();
        let head = Matvec {
            matrix: &model.head.matrix,
            rows: tile(rows),
            tiles: rows / tile(rows),
            x: &self.x,
            x_row,
            norm: Some((&model.output_gain, model.config.rms_eps)),
            y: self.said.as_ref().unwrap_or(&self.logits),
            y_stride: model.config.head_vocab,
            bias: model.head.bias.as_ref(),
            epilogue: Epilogue::Store,
            variant: model.variant,
            positions,
        };
        let sampler = sampler::Tail {
            device,
            vocab,
            rows,
            x_row,
            positions,
            logits: &self.logits,
            best: &self.best,
            tokens: &shared.tokens,
            sampling: &shared.sampling,
            laws: self.laws.as_ref(),
            drafts,
        };
        let commit = sampler::Commit {
            draft_rows: shared.draft_rows.as_ref().map(|(rows, vocab)| (rows, *vocab)),
            residuals: &shared.residuals,
            result: &shared.result,
        };
        let mut plan = Plan { steps: head.steps(device)? };
        if let (Some(ids), Some(said)) = (&model.ids, &self.said) {
            let widths = [model.config.head_vocab, vocab];
            plan.steps.push(ops::spread(device, rows, widths, said, &self.logits, &ids.draft_id)?);
        }
        plan.steps.extend(sampler.steps(mode, &commit)?);
        Ok(plan)
    }
}

impl Memory for Runner {
    fn len(&self) -> usize {
        self.cached
    }

    fn truncate(&mut self, len: usize) {
        self.cached = self.cached.min(len);
    }
}

/// Browsers free a buffer that nobody refers to when their garbage collector comes by, which sees how small the handle
/// is, not the buffer. What is in flight still ends well. No `..` below: a buffer that is added is destroyed, too.
impl Drop for Runner {
    fn drop(&mut self) {
        let Self {
            caches,
            x,
            qkv,
            q,
            attention,
            mlp,
            fusing,
            said,
            logits,
            best,
            model,
            laws,
            bodies,
            tails,
            cached,
        } = &*self;
        // Of others, or no buffers; laws destroy their own.
        let _ = (model, laws, bodies, tails, cached);
        let buffers = caches.iter().flatten().chain([x, qkv, q, attention, mlp, logits, best]);
        buffers.chain(fusing.iter().flatten()).chain(said).for_each(wgpu::Buffer::destroy);
    }
}

/// As [`Runner`]. The draft's rows are its laws' own.
impl Drop for Shared {
    fn drop(&mut self) {
        let Self { tokens, state, sampling, result, residuals, draft_rows: _, hidden } = self;
        let buffers = [tokens, state, sampling, result, residuals].into_iter().chain(hidden);
        buffers.for_each(|buffer| buffer.destroy());
    }
}

/// Rows that share a load of weights in a pass over `rows` rows.
fn tile(rows: usize) -> usize {
    (1..=MAX_TILE).rev().find(|tile| rows.is_multiple_of(*tile)).unwrap_or(1)
}
