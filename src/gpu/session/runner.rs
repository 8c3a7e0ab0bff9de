//! A model with its KV cache and activations, and the plans of its passes over them.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::shared::Shared;
use super::{MAX_ROWS, PREFILL_ROWS};
use crate::gpu::cache::CacheLayout;
use crate::gpu::choice;
use crate::gpu::model::{Fuse, Ids, Model};
use crate::gpu::ops::{self, Epilogue, Matvec, Positions, padded};
use crate::gpu::plan::{Instead, Plan};
use crate::gpu::sampler::{self, Laws, Mode};
use crate::gpu::words::{self, Kind};
use crate::gpu::{Device, Error};
use crate::model::{Attention, CacheType};
use crate::round::Memory;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    /// Fills the cache with so many rows behind the length.
    Fill { rows: usize },
    /// Verifies a proposal: logits, the target's law, acceptance, commit.
    Verify { rows: usize },
    /// The draft's first step of a round: reads the last committed tokens, as many as it may lag behind.
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

    /// So many of the first rows have logits.
    fn head(self) -> Option<usize> {
        match self {
            Self::Fill { .. } => None,
            Self::Verify { rows } => Some(rows),
            Self::DraftFirst { .. } | Self::DraftNext => Some(1),
        }
    }

    /// What embedding and layers are for, and what follows.
    fn kinds(self) -> [Kind; 2] {
        match self {
            Self::Fill { .. } => [Kind::Fill; 2],
            Self::Verify { .. } => [Kind::Verify; 2],
            Self::DraftFirst { .. } => [Kind::CatchUp, Kind::Draft],
            Self::DraftNext => [Kind::Draft; 2],
        }
    }
}

pub(super) struct Runner {
    pub model: Rc<Model>,
    pub(super) kv_cache: CacheType,
    /// Keys and values, a layer each.
    pub(super) caches: Vec<wgpu::Buffer>,
    pub(super) x: wgpu::Buffer,
    pub(super) qkv: wgpu::Buffer,
    pub(super) q: wgpu::Buffer,
    /// Sums of chunks of the cache, where attention splits.
    pub(super) partials: wgpu::Buffer,
    pub(super) attention: wgpu::Buffer,
    pub(super) mlp: wgpu::Buffer,
    /// What a layer adds to the residual stream, where that is normed.
    pub(super) branch: Option<wgpu::Buffer>,
    /// Of a draft that reads its target's states: what its fusing matrix reads.
    pub(super) fusing: Option<wgpu::Buffer>,
    /// Logits over its own ids, of a draft that says only some of its target's.
    said: Option<wgpu::Buffer>,
    pub logits: wgpu::Buffer,
    best: wgpu::Buffer,
    /// Made for the first generation that samples.
    pub laws: Option<Laws>,
    /// Embedding and layers.
    bodies: HashMap<Pass, Plan>,
    /// Passes of late, whose plans are bound.
    lately: HashSet<Pass>,
    /// From the head to the commit.
    tails: HashMap<(Pass, Mode), Plan>,
    /// Positions that the cache holds valid keys and values for.
    cached: usize,
}

impl Runner {
    /// One for contexts of `positions` positions at first.
    pub(super) fn new(
        device: &Device,
        model: Rc<Model>,
        kv_cache: CacheType,
        positions: usize,
    ) -> Result<Self, Error> {
        let c = &model.config;
        let plan = &c.plan;
        // What a text of that length does not find too large comes in pages.
        let paged = |what, words: &dyn Fn(usize) -> u64| {
            device.check_size(what, words(model.capacity))?;
            device.storage(what, words(positions))
        };
        let attentions = || plan.layers.iter().map(|layer| layer.attention());
        let caches =
            attentions().map(|a| paged("a layer's keys and values", &|n| cache_words(a, kv_cache, n)));
        let widest = |of: fn(&Attention) -> usize| attentions().map(of).max().unwrap_or_default();
        let (q_width, qkv_width) = (widest(Attention::q_width), widest(Attention::qkv_width));
        let ff = plan.layers.iter().map(|layer| layer.mlp.ff()).max().unwrap_or_default();
        let rows = |what, width: usize, rows: usize| device.storage(what, width as u64 * rows as u64);
        let fusing =
            |fuse: &Fuse| rows("fused", padded(fuse.embedding_width + fuse.taps.width()), PREFILL_ROWS);
        let said = |_: &Ids| rows("what the draft says", c.head_vocab, MAX_ROWS);
        let vocab = model.law_width();
        Ok(Self {
            kv_cache,
            caches: caches.collect::<Result<_, Error>>()?,
            x: rows("x", padded(c.width), PREFILL_ROWS)?,
            qkv: rows("qkv", qkv_width, PREFILL_ROWS)?,
            q: rows("q", q_width, PREFILL_ROWS)?,
            partials: paged("attention's sums", &|n| partial_words(&model, n))?,
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
            lately: HashSet::new(),
            tails: HashMap::new(),
            cached: 0,
            model,
        })
    }

    /// Buffers that passes work in.
    pub(super) fn scratch(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        let Self { x, qkv, q, partials, attention, mlp, branch, fusing, said, logits, best, .. } = self;
        let rows = [x, qkv, q, partials, attention, mlp, logits, best];
        rows.into_iter().chain(branch).chain(fusing).chain(said)
    }

    /// Buffers that come in pages, and the words that they take for `positions` positions.
    pub(super) fn paged(&self, positions: usize) -> impl Iterator<Item = (&wgpu::Buffer, u64)> {
        let layers = self.caches.iter().zip(&self.model.config.plan.layers);
        let caches = layers
            .map(move |(cache, layer)| (cache, cache_words(layer.attention(), self.kv_cache, positions)));
        caches.chain([(&self.partials, partial_words(&self.model, positions))])
    }

    /// Uses other buffers from now on, wherever `instead` has one for its own.
    pub(super) fn exchange(&mut self, instead: &Instead) {
        for buffer in self.caches.iter_mut().chain([&mut self.partials]) {
            if let Some(other) = instead.of(buffer) {
                *buffer = other.clone();
            }
        }
        self.bodies.values_mut().for_each(|body| body.exchange(instead));
    }

    /// Binds what passes of late have used, where it was exchanged. Not counted as objects.
    pub(super) fn bind_again(&mut self, device: &Device) {
        let objects = device.counters().objects;
        let lately = self.lately.drain();
        lately.filter_map(|pass| self.bodies.get(&pass)).for_each(|body| body.make(device));
        device.count(|c| c.objects = objects);
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

    /// Makes its plans anew: what the passes share is other buffers now; with `bodies` also what embedding and layers use.
    pub(super) fn forget_plans(&mut self, bodies: bool) {
        self.tails.clear();
        if bodies {
            self.bodies.clear();
        }
    }

    /// Rows of its law and their width, once it has laws.
    pub(super) fn law_rows(&self) -> Option<(wgpu::Buffer, usize)> {
        self.laws.as_ref().map(|laws| (laws.rows.clone(), self.model.law_width()))
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
        self.describe(device, shared, pass, mode)?;
        self.lately.insert(pass);
        self.plans(pass, mode).for_each(|plan| plan.make(device));
        Ok(())
    }

    /// Says what the plans of `pass` are, if nobody has yet. Nothing is compiled or bound.
    pub(super) fn describe(
        &mut self,
        device: &Device,
        shared: &Shared,
        pass: Pass,
        mode: Mode,
    ) -> Result<(), Error> {
        let state = &shared.state;
        let [body, tail] = pass.kinds();
        if !self.bodies.contains_key(&pass) {
            let words = self.words(device, body);
            let body = self.body(device, shared, pass, Positions { state, pass: &words })?;
            self.bodies.insert(pass, body);
        }
        if !self.tails.contains_key(&(pass, mode))
            && let Some(rows) = pass.head()
        {
            let words = self.words(device, tail);
            let (positions, drafts) = (Positions { state, pass: &words }, tail == Kind::Draft);
            let tail = self.tail(device, shared, rows, positions, (mode, drafts), self.laws.as_ref())?;
            self.tails.insert((pass, mode), tail);
        }
        Ok(())
    }

    /// What kernels are told of a pass of that kind.
    fn words(&self, device: &Device, kind: Kind) -> wgpu::Buffer {
        let capacity = self.model.capacity as u32;
        device.uniform(words::of(&words::Pass { kind: kind as u32, capacity }))
    }

    /// Says what follows the head of a pass of one row in `mode`, with `laws` in the place of its own: for what there is to
    /// compile.
    pub(super) fn describe_sampler(
        &self,
        device: &Device,
        shared: &Shared,
        (mode, drafts): (Mode, bool),
        laws: &Laws,
    ) -> Result<(), Error> {
        let words = self.words(device, if drafts { Kind::Draft } else { Kind::Verify });
        let positions = Positions { state: &shared.state, pass: &words };
        self.tail(device, shared, 1, positions, (mode, drafts), Some(laws)).map(drop)
    }

    /// Logits of the first `rows` rows, and what becomes of them.
    fn tail(
        &self,
        device: &Device,
        shared: &Shared,
        rows: usize,
        positions: Positions<'_>,
        (mode, drafts): (Mode, bool),
        laws: Option<&Laws>,
    ) -> Result<Plan, Error> {
        let model = &*self.model;
        let vocab = model.law_width();
        let head = Matvec {
            matrix: &model.head.matrix,
            rows,
            x: &self.x,
            sums: None,
            x_row: 0,
            norm: Some((&model.output_gain, model.config.rms_eps)),
            y: self.said.as_ref().unwrap_or(&self.logits),
            y_stride: model.config.head_vocab,
            bias: model.head.bias.as_ref(),
            epilogue: model.config.plan.logit_softcap.map_or(Epilogue::Store, Epilogue::Softcap),
            positions,
        };
        let sampler = sampler::Tail {
            device,
            vocab,
            rows,
            positions,
            logits: &self.logits,
            best: &self.best,
            tokens: &shared.tokens,
            sampling: &shared.sampling,
            laws,
            drafts,
        };
        let commit = sampler::Commit {
            draft_rows: shared.draft_rows.as_ref().map(|(rows, vocab)| (rows, *vocab)),
            residuals: &shared.residuals,
            result: &shared.result,
        };
        let mut plan = Plan { steps: head.steps(device)? };
        if drafts && device.wide() && mode.picks() {
            let (said, ids) = (head.y, model.ids.as_ref().map(|ids| &ids.target_id));
            let widths = [model.config.head_vocab, vocab];
            plan.steps.push(ops::pick(device, widths, said, ids, &shared.tokens, positions.state)?);
            return Ok(plan);
        }
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

    fn accept(&mut self, from: usize, path: &[usize]) {
        debug_assert!(
            path.iter().enumerate().all(|(place, node)| place == *node),
            "proposals are chains here"
        );
        self.truncate(from + path.len());
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
            partials,
            attention,
            mlp,
            branch,
            fusing,
            said,
            logits,
            best,
            model,
            laws,
            bodies,
            lately,
            tails,
            cached,
            kv_cache,
        } = &*self;
        // Of others, or no buffers; laws destroy their own.
        let _ = (model, laws, bodies, lately, tails, cached, kv_cache);
        let buffers = caches.iter().chain([x, qkv, q, partials, attention, mlp, logits, best]);
        buffers.chain(fusing).chain(said).chain(branch).for_each(wgpu::Buffer::destroy);
    }
}

/// The words of a layer's cache of `positions` positions.
fn cache_words(attention: &Attention, kv_cache: CacheType, positions: usize) -> u64 {
    CacheLayout::new(attention, kv_cache).words(positions) as u64
}

/// The words of the sums of the chunks of `positions` positions, where attention splits.
fn partial_words(model: &Model, positions: usize) -> u64 {
    if choice::attention(model.device.wide(), 1).splits.is_none() {
        return 0;
    }
    let layers = model.config.plan.layers.iter();
    let words = layers.map(|layer| ops::partial_words(layer.attention(), MAX_ROWS, positions));
    words.max().unwrap_or_default() as u64
}
