//! Rounds: what is encoded and submitted, and what comes back.

use std::rc::Rc;

use super::clock::Clock;
use super::ring::Flight;
use super::runner::{Pass, Runner};
use super::shared::Hidden;
use super::{MAX_IN_FLIGHT, MAX_ROWS, PREFILL_ROWS, RESULT_WORDS, Session};
use crate::gpu::Error;
use crate::gpu::model::Model;
use crate::gpu::sampler::{self, Mode};
use crate::gpu::words::{self, FAULT};
use crate::model::Config;
use crate::round::{self, Counters, Engine, EngineInfo, Memory, MemoryUse, Outcome, Proposal, Rules, Source};
use crate::verify;

impl Engine for Session {
    type Error = Error;
    type Draft = Rc<Model>;

    fn info(&self) -> EngineInfo {
        EngineInfo {
            device: "webgpu",
            adapter: self.device.adapter(),
            software: self.device.is_software(),
            variant: self.target.model.choice().to_string(),
            threads: 0,
            kv_cache: self.kv_cache,
            kernels: self.target.model.choice().by_shape(),
        }
    }

    fn config(&self) -> &Config {
        self.target.model.config()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn max_proposal(&self) -> usize {
        MAX_ROWS - 1
    }

    fn has_draft(&self) -> bool {
        self.draft.is_some()
    }

    fn verifies(&self, verifier: &verify::Spec) -> bool {
        verifier.kernel.is_some()
    }

    fn counters(&self) -> Counters {
        self.device.counters()
    }

    fn memory(&self) -> MemoryUse {
        self.memory_use()
    }

    fn len(&self) -> usize {
        self.length
    }

    fn latency_ms(&self) -> f64 {
        self.device.latency_ms()
    }

    fn max_in_flight(&self) -> usize {
        MAX_IN_FLIGHT
    }

    fn in_flight(&self) -> usize {
        self.ring.in_flight()
    }

    /// # Panics
    /// When rounds are in flight: [`Session::truncate`] waits for them.
    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), Error> {
        assert_eq!(self.in_flight(), 0, "a generation is under way");
        round::check_rules(self, rules)?;
        self.mode = Mode::new(rules)?;
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
            self.shared.draft_rows = draft.law_rows();
        }
        self.device.write(&self.shared.sampling, 0, words::of(&words::Sampling::new(rules)));
        (self.limit, self.seed, self.epoch) = (limit.min(self.capacity), rules.sampling.seed, 0);
        self.stale = true;
        self.prepare_rounds()
    }

    /// # Panics
    /// When rounds are in flight: [`Session::truncate`] waits for them.
    async fn replace_draft(&mut self, draft: Rc<Model>) -> Result<(), Error> {
        assert_eq!(self.in_flight(), 0, "a generation is under way");
        round::check_fit(self, &draft.fit(&self.target.model))?;
        // What there may be no room for comes first.
        let (device, taps) = (Rc::clone(&self.device), draft.taps());
        let others = taps != self.shared.hidden.as_ref().map(|hidden| &hidden.taps);
        let (positions, capacity) = (self.positions, self.capacity);
        let hidden = taps
            .filter(|_| others)
            .map(|taps| Hidden::new(&device, taps, positions, capacity))
            .transpose()?;
        let mut runner = Runner::new(&device, draft, self.kv_cache, positions)?;
        if self.mode.law.is_some() || self.mode.confident {
            runner.need_laws(&device)?;
        }
        if others {
            if hidden.is_some() {
                self.target.truncate(0);
            }
            self.shared.hidden = hidden;
        }
        self.shared.draft_rows = runner.law_rows();
        self.target.forget_plans(others);
        self.draft = Some(runner);
        self.stale = true;
        self.fill(false)?;
        self.fill(true)?;
        self.prepare_rounds()?;
        device.idle().await
    }

    async fn truncate(&mut self, length: usize) -> Result<(), Error> {
        while self.in_flight() > 0 {
            // What they did, or why they failed, matters to nobody any more.
            let _ = self.collect().await;
        }
        self.length = self.length.min(length);
        for runner in std::iter::once(&mut self.target).chain(&mut self.draft) {
            runner.truncate(self.length);
        }
        self.stale = true;
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        round::check_growth(self, tokens.len())?;
        self.truncate(self.length).await?;
        self.reserve(self.length + tokens.len()).await?;
        self.device.write(&self.shared.tokens, self.length as u64, tokens);
        self.length += tokens.len();
        self.fill(false)?;
        if self.draft.is_some() {
            self.fill(true)?;
        }
        // Progress and abort are only true when the work is done, not when it is queued.
        self.device.idle().await
    }

    /// A free slot, and nothing that needs to know what the rounds in flight will commit.
    fn ready(&self, proposal: &Proposal) -> bool {
        let follows = match proposal {
            Proposal::Tokens(tree) => tree.tokens().is_empty(),
            Proposal::Device { model: 0, .. } => true,
            Proposal::Device { .. } => self.behind() <= PREFILL_ROWS,
            Proposal::Branches(_) => false,
        };
        self.in_flight() == 0 || (self.in_flight() < MAX_IN_FLIGHT && follows)
    }

    /// One command buffer, one submit, and one read-back in [`Session::collect`].
    ///
    /// # Panics
    /// When it is not [ready](Session::ready).
    fn submit(&mut self, proposal: Proposal) -> Result<(), Error> {
        assert!(self.ready(&proposal), "the rounds in flight must be collected first");
        let proposal = round::admit(self, proposal)?;
        let most = proposal.len() + 1;
        let (found, asked) = match &proposal {
            Proposal::Tokens(tree) => (tree.tokens(), [0; 2]),
            Proposal::Device { lookup, model } => (&[][..], [*lookup, *model]),
            Proposal::Branches(_) => return Err(round::Error::ProposalTree.into()),
        };
        let [lookup, model] = asked;
        let reach = self.ring.flights().fold(self.length + most, |reach, flight| reach + flight.most);
        if reach.min(self.capacity) > self.positions {
            return Err(round::Error::OutOfMemory { tokens: reach }.into());
        }
        if !found.is_empty() {
            self.device.write(&self.shared.tokens, self.length as u64, found);
        }
        let mut passes = Vec::with_capacity(model + 1);
        if model > 0 {
            passes.push((true, self.first_step()?));
            passes.resize(model, (true, Pass::DraftNext));
        }
        passes.push((false, Pass::Verify { rows: most }));
        let encoder = self.encode(lookup > 0, &passes)?;
        self.write_round(found.len(), asked);
        let behind = (model > 0).then(|| self.behind_after(asked));
        let flight = Flight { most, lookup: lookup > 0, behind };
        let (result, clock) = (&self.shared.result, &self.clock);
        self.ring.submit(&self.device, encoder, flight, |encoder, slot| {
            encoder.copy_buffer_to_buffer(result, 0, slot, 0, RESULT_WORDS as u64 * 4);
            if let Some(clock) = clock {
                clock.resolve(encoder, passes.len() > 1, slot, RESULT_WORDS);
            }
        });
        Ok(())
    }

    async fn collect(&mut self) -> Result<Outcome, Error> {
        // Where there is no more room, that is said to those who need it.
        let _ = self.reserve(self.length).await;
        let Some((words, flight)) = self.ring.collect(&self.device).await? else {
            return Ok(Outcome::default());
        };
        let result: words::Result = words::read(&words);
        let [accepted, committed, length, drafted] =
            [result.accepted, result.committed, result.length, result.drafted].map(|n| n as usize);
        if committed == 0 {
            let fault = round::Error::Numerics { tokens: self.length };
            return if result.halted == FAULT { Err(fault.into()) } else { Ok(Outcome::default()) };
        }
        if committed > MAX_ROWS || accepted > drafted || length + 1 != self.length + committed {
            let header = &words[..words::Result::HEADER];
            return Err(Error::Device(format!("a round behind {} tokens answered {header:?}", self.length)));
        }
        let before = self.length;
        self.length += committed;
        self.epoch = result.epoch + 1;
        self.target.read_to(self.length - 1);
        let source = match (result.point_mass, flight.lookup) {
            _ if drafted == 0 => Source::Nobody,
            (0, _) => Source::Model,
            (_, true) => Source::Lookup,
            (_, false) => Source::Host,
        };
        if let (Some(_), Some(draft)) = (flight.behind, &mut self.draft) {
            // As commit.wgsl has it.
            let own = source == Source::Model && draft.model.fuse.is_none();
            let own = if own { drafted - 1 } else { 0 };
            draft.read_to((before + own).min(self.length - 1));
        }
        let times = |clock: &Clock| clock.ms(&words[RESULT_WORDS..]);
        let [draft_ms, verify_ms] = self.clock.as_ref().map_or([0.0; 2], times);
        let tested = drafted.min(accepted + 1);
        Ok(Outcome {
            draft_ms: if flight.behind.is_some() { draft_ms } else { 0.0 },
            verify_ms,
            source,
            drafted,
            accepted,
            tokens: result.tokens[..committed].to_vec(),
            overlaps: result.overlaps[..tested].to_vec(),
            excess: result.excess[..if self.mode.lenience.is_some() { tested } else { 0 }].to_vec(),
            logprobs: result.logprobs[..if self.mode.logprobs { committed } else { 0 }].to_vec(),
        })
    }
}
