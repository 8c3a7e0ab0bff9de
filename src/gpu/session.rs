//! A sequence on the GPU: KV caches, the plans over them, and whole rounds in one command buffer.

use std::collections::HashMap;
use std::rc::Rc;

use web_time::Instant;

use super::model::Model;
use super::ops::{self, Attention, CACHE_SLACK, Epilogue, Matvec, Positions, Rope, padded};
use super::plan::{Cost, Plan};
use super::{Device, Error};

/// Row counts that plans are made for; a pass takes the smallest that holds its rows.
const ROW_COUNTS: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
/// Most rows of a verify pass.
pub const MAX_ROWS: usize = 16;
/// Rows of a prefill pass.
const PREFILL_ROWS: usize = 64;
/// Most rows that share a load of weights: beyond, accumulators no longer fit registers.
const MAX_TILE: usize = 8;
/// Words in front of the committed tokens in the result buffer.
const RESULT_HEADER: usize = 2;
const RESULT_WORDS: usize = RESULT_HEADER + MAX_ROWS;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Pass {
    /// Fills the cache with so many rows behind the length.
    Fill { rows: usize },
    /// Verifies a proposal: logits, argmax, accept.
    Verify { rows: usize },
    /// The draft's first step of a round: reads the last two committed tokens, since it lags by at most one.
    DraftFirst,
    /// Another step of the draft.
    DraftNext,
}

/// A model with its KV cache and activations.
struct Runner {
    model: Rc<Model>,
    /// Keys and values, a layer each.
    caches: Vec<[wgpu::Buffer; 2]>,
    x: wgpu::Buffer,
    qkv: wgpu::Buffer,
    q: wgpu::Buffer,
    attention: wgpu::Buffer,
    mlp: wgpu::Buffer,
    logits: wgpu::Buffer,
    best: wgpu::Buffer,
    plans: HashMap<Pass, Plan>,
    /// Positions that the cache holds valid keys and values for.
    cached: usize,
}

/// What a round committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Accepted proposals.
    pub accepted: usize,
    /// They, then the target's own token.
    pub tokens: Vec<u32>,
}

/// How long a dispatch takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Which kernel.
    pub kernel: &'static str,
    /// What it must at least do.
    pub cost: Cost,
    /// Milliseconds, submit and read-back shared by all repeats.
    pub ms: f64,
}

/// Who proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propose<'a> {
    /// These tokens (maybe none).
    Tokens(&'a [u32]),
    /// The draft model, so many steps.
    Draft(usize),
}

/// One sequence.
pub struct Session {
    device: Rc<Device>,
    target: Runner,
    draft: Option<Runner>,
    /// `tokens[position]` of the whole context and the current proposal.
    tokens: wgpu::Buffer,
    state: wgpu::Buffer,
    result: wgpu::Buffer,
    readback: wgpu::Buffer,
    length: usize,
    capacity: usize,
}

impl Runner {
    fn new(device: &Device, model: Rc<Model>) -> Result<Self, Error> {
        let c = &model.config;
        let cache =
            |what| device.storage(what, (c.kv_width() * model.capacity + CACHE_SLACK * c.head_dim) as u64);
        let caches = (0..c.layers).map(|_| Ok([cache("a layer's keys")?, cache("a layer's values")?]));
        let rows = |what, width: usize, rows: usize| device.storage(what, (width * rows) as u64);
        Ok(Self {
            caches: caches.collect::<Result<_, Error>>()?,
            x: rows("x", padded(c.width), PREFILL_ROWS)?,
            qkv: rows("qkv", c.q_width() + 2 * c.kv_width(), PREFILL_ROWS)?,
            q: rows("q", c.q_width(), PREFILL_ROWS)?,
            attention: rows("attention", padded(c.q_width()), PREFILL_ROWS)?,
            mlp: rows("mlp", padded(c.ff), PREFILL_ROWS)?,
            logits: rows("logits", c.head_vocab, MAX_ROWS)?,
            best: rows("best", ops::slices(c.head_vocab) * 2, MAX_ROWS)?,
            plans: HashMap::new(),
            cached: 0,
            model,
        })
    }

    /// The layers over `rows` rows: 6 dispatches a layer.
    fn layers(
        &self,
        device: &Device,
        rows: usize,
        positions: Positions<'_>,
        plan: &mut Plan,
    ) -> Result<(), Error> {
        let model = &*self.model;
        let c = &model.config;
        let tile = tile(rows);
        let matvec = |matrix, x, norm, y, y_stride, epilogue| {
            let tiles = rows / tile;
            let variant = model.variant;
            Matvec { matrix, rows: tile, tiles, x, x_row: 0, norm, y, y_stride, epilogue, variant }
                .steps(device)
        };
        for (layer, [keys, values]) in model.layers.iter().zip(&self.caches) {
            let qkv_width = c.q_width() + 2 * c.kv_width();
            let epilogue = layer.qkv_bias.as_ref().map_or(Epilogue::Store, Epilogue::Bias);
            let norm = Some((&layer.attention_gain, c.rms_eps));
            plan.steps.extend(matvec(&layer.qkv, &self.x, norm, &self.qkv, qkv_width, epilogue)?);
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
            plan.steps.extend(matvec(
                &layer.gate_up,
                &self.x,
                norm,
                &self.mlp,
                padded(c.ff),
                Epilogue::SiluGate,
            )?);
            plan.steps.extend(matvec(&layer.down, &self.mlp, None, &self.x, width, Epilogue::Residual)?);
        }
        Ok(())
    }

    /// Logits and argmax of `rows` rows from `x_row` on.
    fn head(&self, device: &Device, rows: usize, x_row: usize, plan: &mut Plan) -> Result<(), Error> {
        let model = &*self.model;
        let vocab = model.config.head_vocab;
        let head = Matvec {
            matrix: &model.head,
            rows: tile(rows),
            tiles: rows / tile(rows),
            x: &self.x,
            x_row,
            norm: Some((&model.output_gain, model.config.rms_eps)),
            y: &self.logits,
            y_stride: vocab,
            epilogue: Epilogue::Store,
            variant: model.variant,
        };
        plan.steps.extend(head.steps(device)?);
        plan.steps.push(ops::argmax(device, vocab, rows, &self.logits, &self.best)?);
        Ok(())
    }
}

impl Session {
    /// An empty sequence on `target`, with `draft` to propose where there is one.
    pub fn new(target: Rc<Model>, draft: Option<Rc<Model>>) -> Result<Self, Error> {
        let device = Rc::clone(&target.device);
        let capacity = target.capacity;
        let mut session = Self {
            // A padded pass reads a few positions behind the last.
            tokens: device.storage("tokens", (capacity + PREFILL_ROWS) as u64)?,
            state: device.storage("state", 4)?,
            result: device.storage("result", RESULT_WORDS as u64)?,
            readback: device.readback(RESULT_WORDS as u64),
            target: Runner::new(&device, target)?,
            draft: draft.map(|d| Runner::new(&device, d)).transpose()?,
            length: 0,
            capacity,
            device,
        };
        // What every generation needs is compiled while loading; the other row counts when they first come up.
        session.prepare(false, Pass::Verify { rows: 1 })?;
        if session.draft.is_some() {
            session.prepare(true, Pass::DraftFirst)?;
            session.prepare(true, Pass::DraftNext)?;
        }
        Ok(session)
    }

    /// The device.
    pub fn device(&self) -> &Rc<Device> {
        &self.device
    }

    /// Whether there is a draft model.
    pub fn has_draft(&self) -> bool {
        self.draft.is_some()
    }

    /// The target.
    pub fn target(&self) -> &Model {
        &self.target.model
    }

    /// Positions of the KV cache.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Tokens in the context.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the context is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for runner in std::iter::once(&mut self.target).chain(&mut self.draft) {
            runner.cached = runner.cached.min(self.length);
        }
    }

    /// Appends tokens and fills both caches up to the last token, which the next round reads.
    ///
    /// # Panics
    /// When the tokens do not fit the capacity: callers check first.
    pub async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        assert!(self.length + tokens.len() <= self.capacity, "the context is full");
        self.device.write(&self.tokens, self.length as u64, tokens);
        self.length += tokens.len();
        self.fill(false)?;
        if self.draft.is_some() {
            self.fill(true)?;
        }
        // Progress and abort are only true when the work is done, not when it is queued.
        self.device.idle().await
    }

    /// Submits passes until the cache covers all tokens but the last.
    fn fill(&mut self, draft: bool) -> Result<(), Error> {
        let end = self.length.saturating_sub(1);
        loop {
            let Some(cached) = self.runner(draft).map(|r| r.cached) else { return Ok(()) };
            let left = end.saturating_sub(cached);
            if left == 0 {
                return Ok(());
            }
            let rows = if left >= PREFILL_ROWS { PREFILL_ROWS } else { row_count(left.min(MAX_ROWS)) };
            self.device.write(&self.state, 0, &[cached as u32, cached as u32, 0]);
            self.run(&[(draft, Pass::Fill { rows })], false)?;
            if let Some(runner) = self.runner(draft) {
                runner.cached += left.min(rows);
            }
        }
    }

    /// Proposes, verifies greedily and commits: one submit and one read-back.
    ///
    /// # Panics
    /// When the context is empty, the proposal is longer than [`MAX_ROWS`]` - 1`, or it does not fit the capacity.
    pub async fn round(&mut self, propose: Propose<'_>) -> Result<Outcome, Error> {
        assert!(self.length > 0, "a round continues a context");
        let drafted = match propose {
            Propose::Tokens(tokens) => tokens.len(),
            Propose::Draft(steps) => steps,
        };
        assert!(drafted < MAX_ROWS && self.length + drafted <= self.capacity, "the proposal does not fit");
        let last = self.length - 1;
        let mut passes = Vec::with_capacity(drafted + 1);
        match propose {
            Propose::Tokens(tokens) => {
                if !tokens.is_empty() {
                    self.device.write(&self.tokens, self.length as u64, tokens);
                }
            }
            Propose::Draft(steps) => {
                // The first step reads two tokens; anything older must be in the draft's cache.
                if self.draft.as_ref().is_some_and(|r| r.cached + 1 < last) {
                    self.fill(true)?;
                }
                let first = if last == 0 { Pass::DraftNext } else { Pass::DraftFirst };
                passes.extend((0..steps).map(|i| (true, if i == 0 { first } else { Pass::DraftNext })));
            }
        }
        passes.push((false, Pass::Verify { rows: row_count(drafted + 1) }));
        self.device.write(&self.state, 0, &[last as u32, last as u32, drafted as u32]);
        self.run(&passes, true)?;

        let words = self.device.read(&self.readback, RESULT_WORDS).await?;
        let accepted = words[0] as usize;
        if accepted > drafted || words[1] as usize != last + accepted + 1 {
            return Err(Error::Device(format!(
                "a round of {drafted} answered {:?}",
                &words[..RESULT_HEADER]
            )));
        }
        self.length += accepted + 1;
        self.target.cached = self.length - 1;
        if let (Propose::Draft(1..), Some(draft)) = (propose, &mut self.draft) {
            draft.cached = last + accepted.min(drafted - 1) + 1;
        }
        Ok(Outcome { accepted, tokens: words[RESULT_HEADER..=RESULT_HEADER + accepted].to_vec() })
    }

    /// Times every dispatch of a verifying pass of the target on `rows` rows, each alone and `repeats` times in a row:
    /// what benches show. The context must be at least `rows` tokens long; the sequence is of no use afterwards.
    pub async fn profile(&mut self, rows: usize, repeats: usize) -> Result<Vec<Timing>, Error> {
        let pass = Pass::Verify { rows };
        self.prepare(false, pass)?;
        let mut timings = Vec::new();
        let Some(plan) = self.target.plans.get(&pass) else { return Ok(timings) };
        for step in &plan.steps {
            let mut best = f64::INFINITY;
            for _ in 0..3 {
                self.device.write(
                    &self.state,
                    0,
                    &[(self.length - rows) as u32, (self.length - rows) as u32, 0],
                );
                let began = Instant::now();
                let mut encoder = self.device.encoder();
                let mut compute = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for _ in 0..repeats {
                    step.encode(&mut compute);
                }
                drop(compute);
                encoder.copy_buffer_to_buffer(&self.result, 0, &self.readback, 0, RESULT_WORDS as u64 * 4);
                self.device.submit(encoder);
                self.device.read(&self.readback, RESULT_WORDS).await?;
                best = best.min(began.elapsed().as_secs_f64() * 1000.0 / repeats as f64);
            }
            let cost = match step.kernel {
                // The one kernel whose work grows with the context.
                "attention.wgsl" => ops::attention_cost(&self.target.model.config, rows, self.length),
                _ => step.cost,
            };
            timings.push(Timing { kernel: step.kernel.trim_end_matches(".wgsl"), cost, ms: best });
        }
        Ok(timings)
    }

    /// The target's logits of the last round, as bits.
    #[cfg(test)]
    pub(super) async fn logits(&self, rows: usize) -> Result<Vec<u32>, Error> {
        let words = rows * self.target.model.config.head_vocab;
        self.device.download(&self.target.logits, words).await
    }

    fn runner(&mut self, draft: bool) -> Option<&mut Runner> {
        if draft { self.draft.as_mut() } else { Some(&mut self.target) }
    }

    /// Encodes passes of the target or the draft into one command buffer and submits it.
    fn run(&mut self, passes: &[(bool, Pass)], with_result: bool) -> Result<(), Error> {
        for &(draft, pass) in passes {
            self.prepare(draft, pass)?;
        }
        let device = &self.device;
        let mut encoder = device.encoder();
        let mut compute = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (draft, pass) in passes {
            let runner = if *draft { self.draft.as_ref() } else { Some(&self.target) };
            if let Some(plan) = runner.and_then(|r| r.plans.get(pass)) {
                plan.encode(device, &mut compute);
            }
        }
        drop(compute);
        if with_result {
            encoder.copy_buffer_to_buffer(&self.result, 0, &self.readback, 0, RESULT_WORDS as u64 * 4);
        }
        device.submit(encoder);
        Ok(())
    }

    /// Makes the plan of `pass` if this is its first use.
    fn prepare(&mut self, draft: bool, pass: Pass) -> Result<(), Error> {
        let device = Rc::clone(&self.device);
        let (tokens, state, result) = (self.tokens.clone(), self.state.clone(), self.result.clone());
        let capacity = self.capacity as u32;
        let Some(runner) = self.runner(draft) else {
            return Err(Error::Device("a draft pass without a draft".into()));
        };
        if runner.plans.contains_key(&pass) {
            return Ok(());
        }
        let (rows, follows_cursor, back) = match pass {
            Pass::Fill { rows } | Pass::Verify { rows } => (rows, 0, 0),
            Pass::DraftFirst => (2, 1, 1),
            Pass::DraftNext => (1, 1, 0),
        };
        let pass_words = device.uniform(&[follows_cursor, back, capacity]);
        let positions = Positions { state: &state, pass: &pass_words };
        let vocab = runner.model.config.head_vocab;
        let mut plan = Plan::default();
        plan.steps.extend(ops::embed(&device, &runner.model.embedding, rows, positions, &tokens, &runner.x)?);
        runner.layers(&device, rows, positions, &mut plan)?;
        match pass {
            Pass::Fill { .. } => {}
            Pass::Verify { rows } => {
                runner.head(&device, rows, 0, &mut plan)?;
                plan.steps.push(ops::accept(&device, vocab, rows, &runner.best, &tokens, &state, &result)?);
            }
            Pass::DraftFirst | Pass::DraftNext => {
                runner.head(&device, 1, rows - 1, &mut plan)?;
                plan.steps.push(ops::select(&device, vocab, &runner.best, &tokens, &state)?);
            }
        }
        runner.plans.insert(pass, plan);
        Ok(())
    }
}

/// Rows that share a load of weights in a pass over `rows` rows.
fn tile(rows: usize) -> usize {
    (1..=MAX_TILE).rev().find(|tile| rows.is_multiple_of(*tile)).unwrap_or(1)
}

/// The smallest row count of a plan that holds `rows` rows.
fn row_count(rows: usize) -> usize {
    ROW_COUNTS.into_iter().find(|&r| r >= rows).unwrap_or(MAX_ROWS)
}
