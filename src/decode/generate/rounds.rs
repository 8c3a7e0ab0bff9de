//! The rounds of a generation: what is submitted, and what becomes of it.

use super::super::controller::{Choice, Gamma, Moment, Sample, Source};
use super::super::event::{Event, FinishReason};
use super::{Generator, State};
use crate::drafters::{Drafter, Limits};
use crate::round::{self, Engine, Outcome, Proposal};
use crate::sampling::ONE;

/// A round in flight.
pub(super) struct Flight {
    submitted: f64,
    source: Source,
    /// Whether rounds are kept in flight, and this one was submitted behind none.
    alone: bool,
}

/// Whether tokens are looked for in the context.
pub(super) fn looks_up(drafter: &dyn Drafter) -> bool {
    drafter.default_limits().tokens > 0
}

impl<E: Engine> Generator<E> {
    pub(super) async fn round(&mut self) -> Result<(State, Event), E::Error> {
        let began = self.engine.now_ms();
        self.submit()?;
        self.stats.host_ms += self.engine.now_ms() - began;
        let round = self.engine.collect().await?;
        Ok(self.add(round, began))
    }

    /// What a round did that was waited for since `began`.
    pub(super) fn add(&mut self, round: Outcome, began: f64) -> (State, Event) {
        let now = self.engine.now_ms();
        if let Some(flight) = self.flights.pop_front() {
            self.learn(&flight, &round, now);
        }
        self.collected = Some(now);
        self.options.drafter.observe(&round);
        self.context.extend_from_slice(&round.tokens);
        self.held = self.context.len();
        self.look_up();
        self.stats.add(&round);
        self.stats.decode_ms += self.engine.now_ms() - began;

        let stopped = round.tokens.last().is_some_and(|id| self.options.rules.stop_ids.contains(id));
        let next = if stopped { State::Finished(FinishReason::Stop) } else { State::Decode };
        let Outcome { tokens, accepted, drafted, logprobs, .. } = round;
        (next, Event::Tokens { tokens, accepted, drafted, logprobs, stopped })
    }

    /// Tells the controller what a round cost and brought that was collected at `now`.
    fn learn(&mut self, flight: &Flight, round: &Outcome, now: f64) {
        // A round that was submitted behind another began when that one ended.
        let from = self.collected.map_or(flight.submitted, |at| at.max(flight.submitted));
        let source = match round.source {
            round::Source::Host | round::Source::Lookup => Source::Lookup,
            round::Source::Model => Source::Draft,
            // The draft may have been too unsure to say anything; a lookup that found nothing costs next to nothing.
            round::Source::Nobody if flight.source == Source::Draft => Source::Draft,
            round::Source::Nobody => Source::Plain,
        };
        let sample = Sample {
            source,
            length: if source == Source::Plain { 0 } else { round.drafted.max(1) },
            interval: now - from,
            work: round.draft_ms + round.verify_ms,
            alone: flight.alone,
        };
        if self.options.drafter.branches() {
            // Lengths and costs are of chains.
            return self.controller.count(source, round.tokens.len(), sample.interval);
        }
        let tested = round.drafted.min(round.accepted + 1);
        let kept: Vec<f64> = if round.overlaps.is_empty() {
            (0..tested).map(|i| f64::from(u8::from(i < round.accepted))).collect()
        } else {
            round.overlaps.iter().map(|overlap| f64::from(*overlap) / f64::from(ONE)).collect()
        };
        self.controller.compare(&self.found, &round.tokens);
        let latency = self.engine.latency_ms();
        self.controller.observe(sample, round.tokens.len(), &kept, latency);
    }

    /// Looks for what may follow the context, where timings decide whether it is proposed.
    fn look_up(&mut self) {
        self.found.clear();
        let drafter = &mut self.options.drafter;
        if self.options.gamma != Gamma::Auto || !looks_up(&**drafter) || drafter.branches() {
            return;
        }
        let most = self.engine.max_proposal();
        if !drafter.reads_context() {
            self.found = self.lookup.find(&self.context, most);
        } else if let Proposal::Tokens(tree) =
            drafter.propose(&self.context, Limits { tokens: most, draft: 0 })
        {
            self.found.extend_from_slice(tree.tokens());
        }
    }

    /// Submits rounds until enough are in flight.
    fn submit(&mut self) -> Result<(), E::Error> {
        let depth = self.depth();
        if self.collected.is_none() {
            self.look_up();
        }
        while self.engine.in_flight() < depth {
            let behind = self.engine.in_flight();
            // Every round in flight commits a token at least.
            let room = self.room().saturating_sub(behind);
            if behind > 0 && room == 0 {
                break;
            }
            let longest = room.saturating_sub(1).min(self.engine.max_proposal());
            let Some((source, proposal)) = self.propose(behind, depth, longest) else { break };
            if !self.engine.ready(&proposal) {
                break;
            }
            let alone = behind == 0 && depth > 1;
            self.controller.begin(source, proposal.len());
            self.flights.push_back(Flight { submitted: self.engine.now_ms(), source, alone });
            self.engine.submit(proposal)?;
        }
        self.stats.rounds_in_flight = self.stats.rounds_in_flight.max(self.engine.in_flight());
        Ok(())
    }

    /// The next round's proposal of at most `longest` tokens, and whose it is; `None` where the rounds in flight must end first.
    fn propose(&mut self, behind: usize, depth: usize, longest: usize) -> Option<(Source, Proposal)> {
        let limits = if self.options.is_timed() {
            let moment = Moment {
                behind,
                depth,
                room: longest,
                found: self.found.len(),
                on_host: self.options.drafter.reads_context(),
                draft: self.options.drafter.needs_draft_model(),
                latency: self.engine.latency_ms(),
            };
            match self.controller.choose(&moment) {
                Choice::Wait => return None,
                Choice::Propose(Source::Plain, _) => Limits::default(),
                // Where nothing is found after all the draft may say something.
                Choice::Propose(Source::Lookup, tokens) => {
                    Limits { tokens, draft: self.controller.beside().min(longest) }
                }
                Choice::Propose(Source::Draft, draft) => Limits { tokens: 0, draft },
            }
        } else {
            let asked = match self.options.gamma {
                Gamma::Fixed(gamma) => Limits { tokens: gamma, draft: gamma },
                Gamma::Default | Gamma::Auto => self.options.drafter.default_limits(),
            };
            if behind > 0 && asked != Limits::default() && self.options.drafter.reads_context() {
                return None;
            }
            Limits { tokens: asked.tokens.min(longest), draft: asked.draft.min(longest) }
        };
        let proposal = match limits {
            Limits { tokens: 0, draft: 0 } => Proposal::none(),
            limits => self.options.drafter.propose(&self.context, limits),
        };
        let source = match &proposal {
            proposal if proposal.is_empty() => Source::Plain,
            Proposal::Tokens(_) | Proposal::Device { lookup: 1.., .. } => Source::Lookup,
            Proposal::Device { .. } | Proposal::Branches(_) => Source::Draft,
        };
        Some((source, proposal))
    }

    fn depth(&self) -> usize {
        let most = self.engine.max_in_flight();
        match self.options.in_flight {
            Some(depth) => depth.clamp(1, most),
            // How long a proposal may be depends on how many rounds are in front of it. Where the same seed is to give
            // the same sample, that must not depend on timings.
            None if !self.options.rules.sampling.is_greedy() && !self.options.is_timed() => most.min(2),
            None => self.controller.depth(self.engine.latency_ms(), most),
        }
    }

    /// Tokens that the context and `max_tokens` leave room for.
    fn room(&self) -> usize {
        let context = self.engine.capacity() - self.context.len();
        context.min(self.options.max_tokens - self.generated().len())
    }
}
