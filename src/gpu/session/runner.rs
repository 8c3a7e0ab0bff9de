//! A model with its KV cache and activations, and the plans of its passes over them.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::{MAX_ROWS, PREFILL_ROWS};
use crate::gpu::model::{Fuse, Ids, Layer, Model, Projection};
use crate::gpu::ops::{self, CACHE_SLACK, Epilogue, Matvec, Positions, padded};
use crate::gpu::plan::{Plan, Step};
use crate::gpu::sampler::{self, Laws, Mode};
use crate::gpu::{Device, Error};
use crate::model::{Attention, Mixer, Mlp, Taps};

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
#[derive(Clone)]
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
    /// The target's state at each position it has read, where the draft reads them. A draft that goes on writes its
    /// own state at the position it has come to, until the target's is known.
    pub hidden: Option<Hidden>,
}

/// States of the target, `[position, tap]` of its width, padded.
#[derive(Clone)]
pub(super) struct Hidden {
    pub buffer: wgpu::Buffer,
    pub taps: Taps,
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
    /// What a layer adds to the residual stream, where that is normed.
    branch: Option<wgpu::Buffer>,
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
    pub cached: usize,
}

impl Runner {
    pub(super) fn new(device: &Device, model: Rc<Model>) -> Result<Self, Error> {
        let c = &model.config;
        let plan = &c.plan;
        let cache = |what, a: &Attention| {
            device.storage(what, (a.kv_width() * model.capacity + CACHE_SLACK * a.head_dim) as u64)
        };
        let caches = plan.layers.iter().map(|layer| {
            let Mixer::Attention(attention) = &layer.mixer;
            Ok([cache("a layer's keys", attention)?, cache("a layer's values", attention)?])
        });
        let widest = |of: fn(&Attention) -> usize| {
            plan.layers.iter().map(|layer| of(layer.attention())).max().unwrap_or_default()
        };
        let (q_width, qkv_width) = (widest(Attention::q_width), widest(Attention::qkv_width));
        let ff = plan.layers.iter().map(|layer| layer.mlp.ff()).max().unwrap_or_default();
        let rows = |what, width: usize, rows: usize| device.storage(what, (width * rows) as u64);
        let fusing = |fuse: &Fuse| {
            let (e, h) = (fuse.embedding_width, fuse.taps.width());
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
            qkv: rows("qkv", qkv_width, PREFILL_ROWS)?,
            q: rows("q", q_width, PREFILL_ROWS)?,
            attention: rows("attention", padded(q_width), PREFILL_ROWS)?,
            mlp: rows("mlp", padded(ff), PREFILL_ROWS)?,
            branch: plan
                .norms_after()
                .then(|| rows("a branch", padded(c.width), PREFILL_ROWS))
                .transpose()?,
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

    /// Embedding and layers: 6 dispatches a layer, and one for each norm of what it adds.
    fn body(
        &self,
        device: &Device,
        shared: &Shared,
        pass: Pass,
        positions: Positions<'_>,
    ) -> Result<Plan, Error> {
        let model = &*self.model;
        let rows = pass.rows();
        let body = Body { device, runner: self, rows, positions };
        let embed = |x, scale| {
            let (table, tokens) = (&*model.embedding, &shared.tokens);
            ops::Embed { table, scale, rows, positions, tokens, x }.steps(device)
        };
        let mut steps = Vec::new();
        match (&model.fuse, &self.fusing, &shared.hidden) {
            (Some(fuse), Some([embedded, fused]), Some(hidden)) => {
                steps.extend(embed(embedded, 1.0)?);
                let fusing = ops::Fuse {
                    rows,
                    positions,
                    embedded,
                    embedding_gain: &fuse.embedding_gain,
                    embedding_width: fuse.embedding_width,
                    hidden: &hidden.buffer,
                    hidden_gain: &fuse.hidden_gain,
                    taps: &fuse.taps,
                    y: fused,
                    epsilon: model.config.rms_eps,
                };
                steps.push(fusing.step(device)?);
                let width = padded(model.config.width);
                steps.extend(body.matvec(
                    &fuse.projection,
                    fused,
                    None,
                    (&self.x, width),
                    Epilogue::Store,
                )?);
            }
            _ => steps.extend(embed(&self.x, model.config.plan.embedding_scale)?),
        }
        for (index, (layer, caches)) in model.layers.iter().zip(&self.caches).enumerate() {
            let Mixer::Attention(attention) = &layer.plan.mixer;
            steps.extend(body.attention(layer, attention, caches)?);
            steps.extend(body.mlp(layer)?);
            if let Some(hidden) = &shared.hidden
                && let Some((taps, rows)) = self.kept(pass, index, hidden)
            {
                steps.push(body.keep(hidden, taps, rows)?);
            }
        }
        Ok(Plan { steps })
    }

    /// Which taps of the states that a draft reads a pass keeps behind a layer, and of which rows: those of the target where it
    /// is tapped, of all rows; all of them behind the draft's last layer, of its last row, where it may go on.
    fn kept(&self, pass: Pass, layer: usize, hidden: &Hidden) -> Option<(Range<usize>, Range<usize>)> {
        let reads = self.model.fuse.is_some();
        match pass {
            Pass::Fill { rows } | Pass::Verify { rows } if !reads => {
                let tap = hidden.taps.position(layer)?;
                Some((tap..tap + 1, 0..rows))
            }
            Pass::DraftFirst { rows } if reads && layer + 1 == self.model.layers.len() => {
                Some((0..hidden.taps.layers().len(), rows - 1..rows))
            }
            Pass::DraftNext if reads && layer + 1 == self.model.layers.len() => {
                Some((0..hidden.taps.layers().len(), 0..1))
            }
            _ => None,
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
            rows,
            x: &self.x,
            x_row,
            norm: Some((&model.output_gain, model.config.rms_eps)),
            y: self.said.as_ref().unwrap_or(&self.logits),
            y_stride: model.config.head_vocab,
            bias: model.head.bias.as_ref(),
            epilogue: Epilogue::Store,
            choice: model.choice,
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

/// The layers of a pass over `rows` rows.
struct Body<'a> {
    device: &'a Device,
    runner: &'a Runner,
    rows: usize,
    positions: Positions<'a>,
}

impl Body<'_> {
    fn matvec(
        &self,
        projection: &Projection,
        x: &wgpu::Buffer,
        gain: Option<&wgpu::Buffer>,
        (y, y_stride): (&wgpu::Buffer, usize),
        epilogue: Epilogue,
    ) -> Result<Vec<Step>, Error> {
        let (matrix, bias) = (&*projection.matrix, projection.bias.as_ref());
        let &Self { rows, positions, .. } = self;
        let Model { choice, config, .. } = &*self.runner.model;
        let norm = gain.map(|gain| (gain, config.rms_eps));
        let choice = *choice;
        Matvec { matrix, rows, x, x_row: 0, norm, y, y_stride, bias, epilogue, choice, positions }
            .steps(self.device)
    }

    fn attention(
        &self,
        layer: &Layer,
        attention: &Attention,
        [keys, values]: &[wgpu::Buffer; 2],
    ) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, qkv, q, attention: context, .. } = runner;
        let to = (qkv, attention.qkv_width());
        let mut steps = self.matvec(&layer.qkv, x, Some(&layer.attention_gain), to, Epilogue::Store)?;
        let rope = ops::Rope {
            attention,
            rope: &model.config.plan.ropes[attention.rope],
            epsilon: model.config.rms_eps,
            rows,
            positions,
            qkv,
            q,
            keys,
            values,
            rotation: &model.rotations[attention.rope],
            gains: layer.head_gains.as_ref(),
        };
        steps.push(rope.step(device)?);
        steps
            .push(ops::Attention { attention, rows, positions, q, out: context, keys, values }.step(device)?);
        steps.extend(self.add(&layer.attention_output, context, layer.attention_post_gain.as_ref())?);
        Ok(steps)
    }

    /// Keeps what stands in the residual stream of some rows as some taps of their states.
    fn keep(&self, hidden: &Hidden, to: Range<usize>, rows: Range<usize>) -> Result<Step, Error> {
        let Hidden { buffer, taps } = hidden;
        let (width, taps) = (taps.layer_width(), taps.layers().len());
        let (first_row, rows) = (rows.start, rows.len());
        let (positions, x) = (self.positions, &self.runner.x);
        ops::Keep { width, rows, first_row, taps, to, positions, x, hidden: buffer }.step(self.device)
    }

    fn mlp(&self, layer: &Layer) -> Result<Vec<Step>, Error> {
        let Runner { x, mlp, .. } = self.runner;
        let Mlp::Gated { ff, activation } = layer.plan.mlp;
        let to = (mlp, padded(ff));
        let mut steps =
            self.matvec(&layer.gate_up, x, Some(&layer.mlp_gain), to, Epilogue::Gate(activation))?;
        steps.extend(self.add(&layer.down, mlp, layer.mlp_post_gain.as_ref())?);
        Ok(steps)
    }

    /// Adds what `projection` makes of `input` to the residual stream, normed where there is a `gain`.
    fn add(
        &self,
        projection: &Projection,
        input: &wgpu::Buffer,
        gain: Option<&wgpu::Buffer>,
    ) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, branch, .. } = runner;
        let (width, epsilon) = (model.config.width, model.config.rms_eps);
        let stride = padded(width);
        let (Some(gain), Some(branch)) = (gain, branch) else {
            return self.matvec(projection, input, None, (x, stride), Epilogue::Residual);
        };
        let mut steps = self.matvec(projection, input, None, (branch, stride), Epilogue::Store)?;
        steps.push(ops::Norm { width, rows, positions, branch, gain, epsilon, x }.step(device)?);
        Ok(steps)
    }
}

/// Browsers free a buffer that nobody refers to when their garbage collector comes by, which sees how small the handle
/// is, not the buffer. What is in flight still ends well.
impl Drop for Runner {
    fn drop(&mut self) {
        let Self { caches, x, qkv, q, attention, mlp, branch, fusing, said, logits, laws, .. } = &*self;
        let rows = laws.iter().map(|laws| &laws.rows);
        let buffers = caches.iter().flatten().chain([x, qkv, q, attention, mlp, logits]).chain(rows);
        let buffers = buffers.chain(fusing.iter().flatten()).chain(said).chain(branch);
        buffers.for_each(wgpu::Buffer::destroy);
    }
}
