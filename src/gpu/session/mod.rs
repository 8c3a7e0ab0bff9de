//! A sequence on the GPU: KV caches, the plans over them, and whole rounds in one command buffer.
//!
//! Where the sequence stands is known to the device (`state.wgsl`), so a round can be submitted before the one in front
//! of it has answered: [`Session::submit`], then [`Session::collect`] in the same order. After a stop token or at the
//! context's limit the rounds behind do nothing.

mod body;
mod clock;
mod compile;
mod engine;
#[cfg(any(test, feature = "rigs"))]
mod probe;
mod ring;
mod room;
mod runner;
mod shared;
mod usage;

use std::rc::Rc;

use clock::{CLOCK_WORDS, Clock};
#[cfg(any(test, feature = "rigs"))]
pub use probe::Timing;
pub use ring::MAX_IN_FLIGHT;
use ring::Ring;
pub(super) use room::PAGE;
use runner::{Pass, Runner};
use shared::{Hidden, Shared};

use super::model::Model;
use super::ops;
use super::plan::Plan;
use super::sampler::Mode;
pub use super::words::MAX_ROWS;
use super::words::{self, State};
use super::{Device, Error};
use crate::drafters::MIN_MATCH;
use crate::model::CacheType;
use crate::round::{Engine as _, Memory as _, Outcome, Proposal, Rules};

/// Rows of a prefill pass.
const PREFILL_ROWS: usize = 64;
/// Row counts of plans for a draft that catches up.
const CATCH_UP_ROWS: [usize; 5] = [2, 4, 8, MAX_ROWS, PREFILL_ROWS];

/// Words of a round's result.
const RESULT_WORDS: usize = words::count::<words::Result>();

/// One sequence.
pub struct Session {
    device: Rc<Device>,
    target: Runner,
    draft: Option<Runner>,
    shared: Shared,
    ring: Ring,
    clock: Option<Clock>,
    lookup: Plan,
    /// Tokens in the context, as far as rounds have been collected.
    length: usize,
    capacity: usize,
    /// Positions that there is room for by now.
    positions: usize,
    kv_cache: CacheType,
    mode: Mode,
    limit: usize,
    seed: u64,
    epoch: u32,
    /// Whether the device's state must be written before the next round; otherwise it follows from the rounds in flight.
    stale: bool,
    /// What lookup and draft model were asked for in the last round.
    asked: [usize; 2],
}

impl Session {
    /// An empty sequence on `target`, with `draft` to propose where there is one.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the KV cache does not fit the device.
    pub fn new(target: Rc<Model>, draft: Option<Rc<Model>>) -> Result<Self, Error> {
        Self::with_kv_cache(target, draft, CacheType::default())
    }

    /// As [`Self::new`], with KV caches of `kv_cache`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_kv_cache(
        target: Rc<Model>,
        draft: Option<Rc<Model>>,
        kv_cache: CacheType,
    ) -> Result<Self, Error> {
        let device = Rc::clone(&target.device);
        let capacity = target.capacity;
        let positions = PAGE.min(capacity);
        let taps = draft.as_ref().and_then(|draft| draft.taps());
        let hidden = taps.map(|taps| Hidden::new(&device, taps, positions, capacity)).transpose()?;
        // A padded pass reads a few positions behind the last.
        let tokens = device.storage("tokens", (capacity + PREFILL_ROWS) as u64)?;
        let state = device.storage("state", words::count::<State>() as u64)?;
        let mut session = Self {
            lookup: Plan { steps: vec![ops::lookup(&device, &tokens, &state, MIN_MATCH)?] },
            shared: Shared {
                tokens,
                state,
                sampling: device.storage("sampling", words::count::<words::Sampling>() as u64)?,
                result: device.storage("result", RESULT_WORDS as u64)?,
                residuals: device.storage("residuals", 4)?,
                draft_rows: None,
                hidden,
            },
            ring: Ring::new(&device, RESULT_WORDS + CLOCK_WORDS),
            clock: Clock::new(&device),
            target: Runner::new(&device, target, kv_cache, positions)?,
            draft: draft.map(|d| Runner::new(&device, d, kv_cache, positions)).transpose()?,
            length: 0,
            capacity,
            positions,
            kv_cache,
            mode: Mode::default(),
            limit: capacity,
            seed: 0,
            epoch: 0,
            stale: true,
            asked: [0; 2],
            device,
        };
        session.begin(&Rules::default(), capacity)?;
        Ok(session)
    }

    /// Makes what the first round of a generation needs.
    fn prepare_rounds(&mut self) -> Result<(), Error> {
        self.prepare(false, Pass::Verify { rows: 1 })?;
        if self.draft.is_some() {
            self.prepare(true, Pass::DraftFirst { rows: 2 })?;
            self.prepare(true, Pass::DraftNext)?;
        }
        Ok(())
    }

    /// Another, empty sequence on the same weights.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where its KV cache does not fit the device.
    pub fn another(&self) -> Result<Self, Error> {
        Self::with_kv_cache(Rc::clone(&self.target.model), self.draft().cloned(), self.kv_cache)
    }

    /// The device.
    pub fn device(&self) -> &Rc<Device> {
        &self.device
    }

    /// The target.
    pub fn target(&self) -> &Rc<Model> {
        &self.target.model
    }

    /// The draft model, if there is one.
    pub fn draft(&self) -> Option<&Rc<Model>> {
        self.draft.as_ref().map(|runner| &runner.model)
    }

    /// Submits passes until the cache covers all tokens but the last.
    fn fill(&mut self, draft: bool) -> Result<(), Error> {
        let end = self.length.saturating_sub(1);
        loop {
            let Some(cached) = self.runner(draft).map(|r| r.len()) else { return Ok(()) };
            let left = end.saturating_sub(cached);
            if left == 0 {
                return Ok(());
            }
            let rows = if left >= PREFILL_ROWS { PREFILL_ROWS } else { left.min(MAX_ROWS) };
            self.write_state(cached, 0);
            self.stale = true;
            let encoder = self.encode(false, &[(draft, Pass::Fill { rows })])?;
            self.device.submit(encoder);
            if let Some(runner) = self.runner(draft) {
                runner.read_to(cached + left.min(rows));
            }
        }
    }

    /// Most committed tokens that the draft has not read when the next round begins, the last one included.
    fn behind(&self) -> usize {
        let read = self.draft.as_ref().map_or(0, |draft| draft.len());
        let now = self.length.saturating_sub(read);
        self.ring.flights().fold(now, |behind, flight| flight.behind.unwrap_or(behind + flight.most))
    }

    /// The same behind a round that asks for so many tokens. What the draft has read of its own proposal stands, unless it read
    /// its own states with it; of what was found it reads nothing in that round.
    fn behind_after(&self, [lookup, model]: [usize; 2]) -> usize {
        let rereads = self.draft.as_ref().is_some_and(|draft| draft.model.fuse.is_some());
        2.max(lookup + 1).max(if rereads { model + 1 } else { 0 })
    }

    /// The draft's first step of the next round: it may have to read several tokens to catch up, and does no more than it has to.
    fn first_step(&mut self) -> Result<Pass, Error> {
        if self.behind() > MAX_ROWS && self.in_flight() == 0 {
            self.fill(true)?;
        }
        let behind = self.behind();
        let rows = CATCH_UP_ROWS.into_iter().find(|rows| *rows >= behind).unwrap_or(PREFILL_ROWS);
        Ok(Pass::DraftFirst { rows })
    }

    /// [Submits](Session::submit) a round and waits for it.
    pub async fn round(&mut self, proposal: Proposal) -> Result<Outcome, Error> {
        self.submit(proposal)?;
        self.collect().await
    }

    fn runner(&mut self, draft: bool) -> Option<&mut Runner> {
        if draft { self.draft.as_mut() } else { Some(&mut self.target) }
    }

    /// Says that the next pass goes on at position `length`, with `drafted` tokens behind that.
    fn write_state(&self, length: usize, drafted: usize) {
        let state = State { drafted: drafted as u32, ..self.state(length, [0; 2]) };
        self.device.write(&self.shared.state, 0, words::of(&state));
    }

    /// The device's state before a round behind `tokens[length]`.
    fn state(&self, length: usize, [lookup, model]: [usize; 2]) -> State {
        let draft = self.draft.as_ref();
        State {
            length: length as u32,
            cursor: length as u32,
            drafted: model as u32,
            point_mass: 0,
            lookup: lookup as u32,
            model: model as u32,
            limit: self.limit as u32,
            epoch: self.epoch,
            seed: [self.seed as u32, (self.seed >> 32) as u32],
            halted: [0; 2],
            read: draft.map_or(0, |draft| draft.len()) as u32,
            own: u32::from(draft.is_some_and(|draft| draft.model.fuse.is_none())),
        }
    }

    /// Writes what the device does not know by itself for the next round: `found` tokens that stand behind the context already,
    /// or what is asked of lookup and draft model. Mostly that is what the round before asked.
    fn write_round(&mut self, found: usize, asked: [usize; 2]) {
        let mut state = self.state(self.length - 1, asked);
        if found > 0 {
            (state.drafted, state.point_mass) = (found as u32, 1);
        }
        let words = match self.stale {
            true => 0..words::count::<State>(),
            false if found > 0 || asked != self.asked => State::PROPOSAL,
            false => 0..0,
        };
        if !words.is_empty() {
            self.device.write(&self.shared.state, words.start as u64, &words::of(&state)[words]);
        }
        (self.stale, self.asked) = (false, asked);
    }

    fn prepare(&mut self, draft: bool, pass: Pass) -> Result<(), Error> {
        let runner = if draft { self.draft.as_mut() } else { Some(&mut self.target) };
        let runner = runner.ok_or_else(|| Error::Device("a draft pass without a draft".into()))?;
        runner.prepare(&self.device, &self.shared, pass, self.mode)
    }

    /// Encodes passes of the target or the draft into one command buffer, behind a lookup if there is to be one.
    fn encode(&mut self, mut lookup: bool, passes: &[(bool, Pass)]) -> Result<wgpu::CommandEncoder, Error> {
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
            if std::mem::take(&mut lookup) {
                self.lookup.encode(device, &mut compute);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::Stream;
    use crate::gpu::{Choice, DeviceOptions, Variant};
    use crate::model::draft::{Input, Origin};
    use crate::model::{
        self,
        tiny::{DraftParts, Tiny},
    };
    use crate::sampling::Sampling;

    /// Whether a buffer can no longer be written.
    fn is_destroyed(device: &Device, buffer: &wgpu::Buffer) -> bool {
        device.write(buffer, 0, &[0]);
        device.check().is_err()
    }

    async fn target(device: &Rc<Device>) -> Rc<Model> {
        let bytes = Tiny::default().gguf();
        let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
        let description = model::Model::describe(stream.header()).unwrap();
        let choice = Choice::of(Variant::ALL[0]);
        Rc::new(Model::load(device, &mut stream, &description, choice, 64).await.unwrap())
    }

    /// A draft that reads the states behind these layers of `target`.
    async fn fed_draft(target: &Model, taps: Vec<usize>) -> Rc<Model> {
        let origin = Origin::Target;
        let parts =
            DraftParts { input: Input::Hidden, embedding: origin, head: origin, ids: None, taps: Some(taps) };
        let bytes = Tiny { layers: 1, ..Tiny::default() }.draft_gguf(&Tiny::default(), &parts);
        let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
        let description = model::Draft::describe(stream.header(), &target.config).unwrap();
        let draft = description.beside(&target.config).unwrap();
        Rc::new(Model::load_draft(&mut stream, &draft, target).await.unwrap())
    }

    fn sampled() -> Rules {
        let sampling = Sampling { temperature: 1.0, ..Sampling::default() };
        Rules { sampling, ..Rules::default() }
    }

    #[test]
    fn what_a_session_made_goes_with_it() {
        pollster::block_on(async {
            let device = Device::open(DeviceOptions::default()).await.expect("cargo xtask setup");
            let mut session = Session::new(target(&device).await, None).unwrap();
            session.begin(&sampled(), 64).unwrap();
            let Shared { tokens, state, sampling, result, residuals, .. } = &session.shared;
            let laws = session.target.laws.as_ref().map(|laws| &laws.rows);
            let weights = &session.target.model.embedding.parts[0].codes;
            let made = [tokens, state, sampling, result, residuals, &session.target.logits, weights];
            let made: Vec<wgpu::Buffer> = made.into_iter().chain(laws).cloned().collect();
            assert!(made.len() == 8 && !made.iter().any(|buffer| is_destroyed(&device, buffer)));
            drop(session);
            let gone: Vec<bool> = made.iter().map(|buffer| is_destroyed(&device, buffer)).collect();
            assert_eq!(gone, [true; 8]);
        });
    }

    #[test]
    fn what_a_draft_made_goes_with_it() {
        pollster::block_on(async {
            let device = Device::open(DeviceOptions::default()).await.expect("cargo xtask setup");
            let target = target(&device).await;
            let first = fed_draft(&target, vec![1]).await;
            let second = fed_draft(&target, vec![0, 1]).await;
            let mut session = Session::new(target, Some(first)).unwrap();
            session.append(&[5, 6, 7, 8]).await.unwrap();
            session.begin(&sampled(), 64).unwrap();
            session.round(Proposal::model(2)).await.unwrap();

            let draft = session.draft.as_ref().unwrap();
            let laws = draft.laws.as_ref().map(|laws| &laws.rows);
            let hidden = session.shared.hidden.as_ref().map(|hidden| &hidden.buffer);
            let weights = &draft.model.layers[0].qkv.matrix.parts[0].codes;
            let made = [&draft.logits, &draft.caches[0], weights].into_iter().chain(laws).chain(hidden);
            let made: Vec<wgpu::Buffer> = made.cloned().collect();
            let kept =
                [&session.target.logits, &session.target.model.embedding.parts[0].codes].map(Clone::clone);

            session.replace_draft(second).await.unwrap();
            session.round(Proposal::model(2)).await.unwrap();
            let gone: Vec<bool> = made.iter().map(|buffer| is_destroyed(&device, buffer)).collect();
            assert_eq!(gone, [true; 5]);
            assert!(!kept.iter().any(|buffer| is_destroyed(&device, buffer)));
        });
    }
}
