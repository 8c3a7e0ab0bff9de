//! A sequence on the GPU: KV caches, the plans over them, and whole rounds in one command buffer.
//!
//! Where the sequence stands is known to the device (`state.wgsl`), so a round can be submitted before the one in front
//! of it has answered: [`Session::submit`], then [`Session::collect`] in the same order. After a stop token or at the
//! context's limit the rounds behind do nothing.

mod clock;
mod profile;
mod ring;
mod runner;

use std::rc::Rc;

use clock::{CLOCK_WORDS, Clock};
pub use profile::Timing;
pub use ring::MAX_IN_FLIGHT;
use ring::Ring;
use runner::{Hidden, Pass, Runner, Shared};

use super::model::{Fuse, Model};
use super::ops::padded;
use super::sampler::{self, Laws, Mode, RESULT_HEADER, RESULT_WORDS, SAMPLING_WORDS, Sampler};
use super::{Device, Error};

/// Row counts that plans are made for; a pass takes the smallest that holds its rows.
pub const ROW_COUNTS: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
/// Most rows of a verify pass.
pub const MAX_ROWS: usize = 16;
/// Rows of a prefill pass.
const PREFILL_ROWS: usize = 64;

/// `state.wgsl`: why a sequence is halted when the target's logits were not finite.
const FAULT: usize = 4;

/// Words of `state.wgsl`.
pub(super) const STATE_WORDS: usize = 12;

/// What a round committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Tokens that were proposed.
    pub drafted: usize,
    /// Accepted proposals.
    pub accepted: usize,
    /// Whether the target's logits were not finite, so that nothing could be committed (`sampling/sound.rs`).
    pub faulty: bool,
    /// They, then the target's own token, up to a stop token or the limit; none after that.
    pub tokens: Vec<u32>,
    /// `sum min(f(p), q)` at each row that was put to the test, in units of 2^-31.
    pub overlaps: Vec<u32>,
    /// How much that is more than `sum min(p, q)`; empty where nothing more is accepted.
    pub excess: Vec<u32>,
    /// The tokens' log-probabilities, where they are asked for.
    pub logprobs: Vec<f32>,
    /// Time of the draft's passes in ms; 0 where the device has no timestamps.
    pub draft_ms: f64,
    /// Time of the target's pass in ms.
    pub verify_ms: f64,
}

/// Who proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propose<'a> {
    /// These tokens (maybe none).
    Tokens(&'a [u32]),
    /// The draft model, so many steps.
    Draft(usize),
}

impl Propose<'_> {
    fn len(self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Draft(steps) => steps,
        }
    }
}

/// What the host knows of the device's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It must be written before the next round.
    Stale,
    /// It follows from the rounds in flight; `drafted`: what the last of them asked of the draft, if it ran it.
    Rounds { drafted: Option<usize> },
}

/// One sequence.
pub struct Session {
    device: Rc<Device>,
    target: Runner,
    draft: Option<Runner>,
    shared: Shared,
    ring: Ring,
    clock: Option<Clock>,
    /// Tokens in the context, as far as rounds have been collected.
    length: usize,
    capacity: usize,
    mode: Mode,
    limit: usize,
    seed: u64,
    epoch: u32,
    known: Known,
}

impl Session {
    /// An empty sequence on `target`, with `draft` to propose where there is one.
    pub fn new(target: Rc<Model>, draft: Option<Rc<Model>>) -> Result<Self, Error> {
        let device = Rc::clone(&target.device);
        let capacity = target.capacity;
        let states = |fuse: &Fuse| {
            let rows = capacity + PREFILL_ROWS;
            let taps = &fuse.taps;
            let width = padded(taps.layer_width()) * taps.layers().len();
            let buffer = device.storage("the target's states", (width * rows) as u64)?;
            Ok::<_, Error>(Hidden { buffer, taps: taps.clone() })
        };
        let hidden = draft.as_ref().and_then(|draft| draft.fuse.as_ref()).map(states).transpose()?;
        let mut session = Self {
            shared: Shared {
                // A padded pass reads a few positions behind the last.
                tokens: device.storage("tokens", (capacity + PREFILL_ROWS) as u64)?,
                state: device.storage("state", STATE_WORDS as u64)?,
                sampling: device.storage("sampling", SAMPLING_WORDS as u64)?,
                result: device.storage("result", RESULT_WORDS as u64)?,
                residuals: device.storage("residuals", 4)?,
                draft_rows: None,
                hidden,
            },
            ring: Ring::new(&device, RESULT_WORDS + CLOCK_WORDS),
            clock: Clock::new(&device),
            target: Runner::new(&device, target)?,
            draft: draft.map(|d| Runner::new(&device, d)).transpose()?,
            length: 0,
            capacity,
            mode: Mode::default(),
            limit: capacity,
            seed: 0,
            epoch: 0,
            known: Known::Stale,
            device,
        };
        // What every generation needs is compiled while loading; the other row counts when they first come up.
        session.begin(&Sampler::default(), capacity)?;
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
    pub fn target(&self) -> &Rc<Model> {
        &self.target.model
    }

    /// The draft model, if there is one.
    pub fn draft(&self) -> Option<&Rc<Model>> {
        self.draft.as_ref().map(|runner| &runner.model)
    }

    /// Positions of the KV cache.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Tokens in the context, as far as rounds have been collected.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the context is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Rounds submitted and not yet collected.
    pub fn in_flight(&self) -> usize {
        self.ring.in_flight()
    }

    /// How rounds choose tokens from now on, and at how many tokens of context they stop. Random counters start anew.
    ///
    /// # Panics
    /// When rounds are in flight: [`Session::truncate`] waits for them.
    pub fn begin(&mut self, sampler: &Sampler, limit: usize) -> Result<(), Error> {
        assert_eq!(self.in_flight(), 0, "a generation is under way");
        self.mode = sampler.mode();
        if self.mode.law.is_some() {
            for runner in std::iter::once(&mut self.target).chain(&mut self.draft) {
                runner.need_laws(&self.device)?;
            }
            let words = sampler::residual_words(self.target.model.config.head_vocab) as u64;
            if self.shared.residuals.size() < words * 4 {
                self.shared.residuals = self.device.storage("residuals", words)?;
            }
        }
        if self.mode.logprobs {
            self.target.need_laws(&self.device)?;
        }
        if let Some(draft) = self.draft.as_mut().filter(|_| self.mode.confident) {
            draft.need_laws(&self.device)?;
        }
        if let Some(draft) = &self.draft {
            let rows = |laws: &Laws| (laws.rows.clone(), draft.model.law_width());
            self.shared.draft_rows = draft.laws.as_ref().map(rows);
        }
        self.device.write(&self.shared.sampling, 0, &sampler.words());
        (self.limit, self.seed, self.epoch) = (limit.min(self.capacity), sampler.sampling.seed, 0);
        self.known = Known::Stale;
        self.prepare(false, Pass::Verify { rows: 1 })?;
        if self.draft.is_some() {
            self.prepare(true, Pass::DraftFirst { rows: 2 })?;
            self.prepare(true, Pass::DraftNext)?;
        }
        Ok(())
    }

    /// Forgets all but the first `length` tokens, once the rounds in flight are through.
    pub async fn truncate(&mut self, length: usize) {
        while self.in_flight() > 0 {
            // What they did, or why they failed, matters to nobody any more.
            let _ = self.collect().await;
        }
        self.length = self.length.min(length);
        for runner in std::iter::once(&mut self.target).chain(&mut self.draft) {
            runner.cached = runner.cached.min(self.length);
        }
        self.known = Known::Stale;
    }

    /// Appends tokens and fills both caches up to the last token, which the next round reads.
    ///
    /// # Panics
    /// When the tokens do not fit the capacity: callers check first.
    pub async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        assert!(self.length + tokens.len() <= self.capacity, "the context is full");
        self.truncate(self.length).await;
        self.device.write(&self.shared.tokens, self.length as u64, tokens);
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
            self.write_state(cached, cached, 0);
            self.known = Known::Stale;
            let encoder = self.encode(&[(draft, Pass::Fill { rows })])?;
            self.device.submit(encoder);
            if let Some(runner) = self.runner(draft) {
                runner.cached += left.min(rows);
            }
        }
    }

    /// Committed tokens that the draft may not have read when the next round begins, the last one included. Where it reads
    /// the target's states it reads all that the round before committed again, with those: as many as that could be, so
    /// that the same plan serves every round.
    fn behind(&self) -> usize {
        let Some(draft) = &self.draft else { return 0 };
        match self.known {
            Known::Rounds { drafted: Some(drafted) } if draft.model.fuse.is_some() => drafted + 1,
            Known::Rounds { drafted: Some(_) } if self.in_flight() > 0 => 2,
            _ => self.length.saturating_sub(draft.cached),
        }
    }

    /// Whether a round of this proposal can be submitted behind those in flight: a free slot, and nothing that needs
    /// to know what they will commit.
    pub fn ready(&self, propose: Propose<'_>) -> bool {
        // A first step must not begin before the context.
        let caught_up =
            matches!(self.known, Known::Rounds { drafted: Some(_) }) && self.behind() <= self.length;
        let follows = match propose {
            Propose::Tokens(tokens) => tokens.is_empty(),
            Propose::Draft(steps) => steps == 0 || caught_up,
        };
        self.in_flight() == 0 || (self.in_flight() < MAX_IN_FLIGHT && follows)
    }

    /// Proposes, verifies and commits: one command buffer, one submit, and one read-back in [`Session::collect`].
    ///
    /// # Panics
    /// When it is not [ready](Session::ready), the context is empty, or the proposal is longer than [`MAX_ROWS`]` - 1`.
    pub fn submit(&mut self, propose: Propose<'_>) -> Result<(), Error> {
        assert!(self.ready(propose), "the rounds in flight must be collected first");
        assert!(self.length > 0, "a round continues a context");
        let drafted = propose.len();
        assert!(drafted < MAX_ROWS, "the proposal does not fit");
        let mut passes = Vec::with_capacity(drafted + 1);
        let mut point_mass = false;
        match propose {
            Propose::Tokens([]) => {}
            Propose::Tokens(tokens) => {
                self.device.write(&self.shared.tokens, self.length as u64, tokens);
                point_mass = true;
            }
            Propose::Draft(steps) => {
                if self.behind() > MAX_ROWS {
                    self.fill(true)?;
                    self.known = Known::Stale;
                }
                // More rows than it lags behind change nothing, and fewer plans are made; but none before the context.
                let behind = self.behind().max(2);
                let rows = Some(row_count(behind)).filter(|rows| *rows <= self.length);
                let first = Pass::DraftFirst { rows: rows.unwrap_or(behind.min(self.length)) };
                passes.extend((0..steps).map(|i| (true, if i == 0 { first } else { Pass::DraftNext })));
            }
        }
        passes.push((false, Pass::Verify { rows: row_count(drafted + 1) }));
        let encoder = self.encode(&passes)?;
        self.write_round(drafted, point_mass);
        let asked = if let Propose::Draft(steps @ 1..) = propose { Some(steps) } else { None };
        self.known = Known::Rounds { drafted: asked };
        let (result, clock) = (&self.shared.result, &self.clock);
        self.ring.submit(&self.device, encoder, |encoder, slot| {
            encoder.copy_buffer_to_buffer(result, 0, slot, 0, RESULT_WORDS as u64 * 4);
            if let Some(clock) = clock {
                clock.resolve(encoder, passes.len() > 1, slot, RESULT_WORDS);
            }
        });
        Ok(())
    }

    /// What the oldest round in flight committed. Without one, nothing.
    ///
    /// A call that is dropped while it waits changes nothing.
    pub async fn collect(&mut self) -> Result<Outcome, Error> {
        let Some(words) = self.ring.collect(&self.device).await? else { return Ok(Outcome::default()) };
        let [accepted, committed, length, halted, drafted, epoch] =
            [0, 1, 2, 3, 4, 5].map(|i| words[i] as usize);
        if committed == 0 {
            return Ok(Outcome { faulty: halted == FAULT, ..Outcome::default() });
        }
        if committed > MAX_ROWS || accepted > drafted || length + 1 != self.length + committed {
            let header = &words[..RESULT_HEADER];
            return Err(Error::Device(format!("a round behind {} tokens answered {header:?}", self.length)));
        }
        let before = self.length;
        self.length += committed;
        self.epoch = epoch as u32 + 1;
        self.target.cached = self.length - 1;
        if let (Known::Rounds { drafted: Some(_) }, Some(draft)) = (self.known, &mut self.draft) {
            // What it read of its own proposal stands, unless it read its own states with it.
            let own = if draft.model.fuse.is_some() { 0 } else { drafted.saturating_sub(1) };
            draft.cached = (before + own).min(self.length - 1);
        }
        let tested = drafted.min(accepted + 1);
        let logprobs = if self.mode.logprobs { committed } else { 0 };
        let excess = if self.mode.lenience.is_some() { tested } else { 0 };
        let times = |clock: &Clock| clock.ms(&words[RESULT_WORDS..]);
        let [draft_ms, verify_ms] = self.clock.as_ref().map_or([0.0; 2], times);
        Ok(Outcome {
            draft_ms: if drafted > 0 { draft_ms } else { 0.0 },
            verify_ms,
            faulty: false,
            drafted,
            accepted,
            tokens: words[RESULT_HEADER..][..committed].to_vec(),
            overlaps: words[RESULT_HEADER + MAX_ROWS..][..tested].to_vec(),
            excess: words[RESULT_HEADER + 2 * MAX_ROWS..][..excess].to_vec(),
            logprobs: words[RESULT_HEADER + 3 * MAX_ROWS..][..logprobs]
                .iter()
                .map(|w| f32::from_bits(*w))
                .collect(),
        })
    }

    /// [Submits](Session::submit) a round and waits for it.
    pub async fn round(&mut self, propose: Propose<'_>) -> Result<Outcome, Error> {
        self.submit(propose)?;
        self.collect().await
    }

    /// The target's logits of the first `rows` rows of the last round, as bits. No round needs them on the host: this
    /// is for tests, and for benches of what that would cost.
    pub async fn logits(&self, rows: usize) -> Result<Vec<u32>, Error> {
        let words = rows * self.target.model.config.head_vocab;
        self.device.download(&self.target.logits, words).await
    }

    /// The draft's logits over the target's ids, of the last step of the last round that ran it, as bits. For tests.
    pub async fn draft_logits(&self) -> Result<Vec<u32>, Error> {
        let Some(draft) = &self.draft else { return Ok(Vec::new()) };
        self.device.download(&draft.logits, draft.model.law_width()).await
    }

    fn runner(&mut self, draft: bool) -> Option<&mut Runner> {
        if draft { self.draft.as_mut() } else { Some(&mut self.target) }
    }

    /// Writes the device's state: `length` and `cursor` as `state.wgsl` counts them.
    fn write_state(&self, length: usize, cursor: usize, drafted: usize) {
        let [low, high] = [self.seed as u32, (self.seed >> 32) as u32];
        let (limit, epoch) = (self.limit as u32, self.epoch);
        let words = [length as u32, cursor as u32, drafted as u32, 0, limit, epoch, low, high, 0, 0];
        self.device.write(&self.shared.state, 0, &words);
    }

    /// Writes what the device does not know by itself for the next round.
    fn write_round(&self, drafted: usize, point_mass: bool) {
        if self.known == Known::Stale {
            self.write_state(self.length - 1, self.length - 1, drafted);
        }
        self.device.write(&self.shared.state, 2, &[drafted as u32, u32::from(point_mass)]);
    }

    fn prepare(&mut self, draft: bool, pass: Pass) -> Result<(), Error> {
        let mode = self.mode;
        let (device, shared) = (Rc::clone(&self.device), self.shared.clone());
        let runner =
            self.runner(draft).ok_or_else(|| Error::Device("a draft pass without a draft".into()))?;
        runner.prepare(&device, &shared, pass, mode)
    }

    /// Encodes passes of the target or the draft into one command buffer.
    fn encode(&mut self, passes: &[(bool, Pass)]) -> Result<wgpu::CommandEncoder, Error> {
        for &(draft, pass) in passes {
            self.prepare(draft, pass)?;
        }
        let device = &self.device;
        let mut encoder = device.encoder();
        for passes in passes.chunk_by(|a, b| a.0 == b.0) {
            let draft = passes[0].0;
            let timestamp_writes = self.clock.as_ref().map(|clock| clock.writes(draft));
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            let mut compute = encoder.begin_compute_pass(&descriptor);
            let runner = if draft { self.draft.as_ref() } else { Some(&self.target) };
            for &(_, pass) in passes {
                for plan in runner.into_iter().flat_map(|r| r.plans(pass, self.mode)) {
                    plan.encode(device, &mut compute);
                }
            }
        }
        Ok(encoder)
    }
}

/// The smallest row count of a plan that holds `rows` rows.
fn row_count(rows: usize) -> usize {
    ROW_COUNTS.into_iter().find(|&r| r >= rows).unwrap_or(MAX_ROWS)
}
