//! An engine that computes nothing: it knows what will be said, and how long that would take.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::Machine;
use super::text::{Random, Text, VOCAB};
use crate::drafters::Lookup;
use crate::model::family::FAMILIES;
use crate::model::{Attention, Config, Layer, Plan, Rope, RopeStyle};
use crate::round::{self, Counters, Engine, EngineInfo, Error, MemoryUse, Outcome, Proposal, Rules, Source};
use crate::sampling::ONE;

/// What asking a lookup on the device costs, in plain passes.
const LOOKUP: f64 = 0.02;

/// A machine's rounds in virtual time. It is as strict about what may be in flight as the GPU's session is.
pub struct Simulator {
    machine: Machine,
    /// How often the draft's first, second, ... token is accepted where those before were; the last stands for all
    /// behind it. Empty without a draft.
    draft: Vec<f64>,
    text: Rc<RefCell<Text>>,
    config: Config,
    random: Random,
    /// The context after all rounds that were submitted, and its length as far as rounds were collected.
    context: Vec<u32>,
    length: usize,
    limit: usize,
    lookup: Lookup,
    /// The host's time, and when the device will be idle.
    now: f64,
    idle: f64,
    /// Rounds in flight, and when the host can know of them.
    flights: VecDeque<(f64, Outcome)>,
    rounds: u64,
}

impl Simulator {
    /// `machine`, with a draft that is accepted so often by depth, or none.
    pub fn new(machine: Machine, draft: &[f64], seed: u64) -> Self {
        let rope = Rope::new(RopeStyle::Interleaved, 2, 1.0);
        let config = Config {
            family: FAMILIES[0],
            width: 2,
            vocab: VOCAB as usize,
            head_vocab: VOCAB as usize,
            context: 1 << 16,
            rms_eps: 0.0,
            tied: true,
            plan: Plan::uniform(1, Layer::new(Attention::new(1, 1, 2), 2), rope),
        };
        Self {
            machine,
            draft: draft.to_vec(),
            text: Rc::default(),
            config,
            random: Random(seed),
            context: Vec::new(),
            length: 0,
            limit: usize::MAX,
            lookup: Lookup::default(),
            now: 0.0,
            idle: 0.0,
            flights: VecDeque::new(),
            rounds: 0,
        }
    }

    /// What the target says from the next prompt on.
    pub fn text(&self) -> Rc<RefCell<Text>> {
        Rc::clone(&self.text)
    }

    /// The tokens that a round of `proposal` commits, how many of those were proposed, how many were proposed at all, and by
    /// whom.
    fn decide(&mut self, proposal: &Proposal) -> (Vec<u32>, usize, usize, Source) {
        let text = self.text.borrow();
        let at = self.context.len() - text.prompt.len();
        let said = &text.said[at.min(text.said.len())..];
        let (mut found, steps) = match proposal {
            Proposal::Tokens(tree) => (tree.tokens().to_vec(), 0),
            Proposal::Device { lookup, model } => (self.lookup.find(&self.context, *lookup), *model),
            // As far as it is a chain.
            Proposal::Branches(shape) => (Vec::new(), shape.widths().len()),
        };
        found.truncate(proposal.len());
        let right = found.iter().zip(said).take_while(|(a, b)| a == b).count();
        let (accepted, drafted, source) = match proposal {
            Proposal::Tokens(_) if !found.is_empty() => (right, found.len(), Source::Host),
            _ if !found.is_empty() => (right, found.len(), Source::Lookup),
            _ if steps == 0 => (0, 0, Source::Nobody),
            _ => {
                let depths = (0..steps).map(|depth| {
                    let law = self.draft.get(depth).or(self.draft.last()).copied().unwrap_or(0.0);
                    (law * text.draft(at + depth)).min(1.0)
                });
                let random = &mut self.random;
                let accepted = depths.take_while(|chance| random.share() <= *chance).count();
                (accepted, steps, Source::Model)
            }
        };
        let left = self.limit.saturating_sub(self.context.len());
        let tokens: Vec<u32> = said[..(accepted + 1).min(said.len()).min(left)].to_vec();
        let accepted = accepted.min(tokens.len());
        (tokens, accepted, drafted, source)
    }

    fn noise(&mut self) -> f64 {
        1.0 + self.machine.noise * (2.0 * self.random.share() - 1.0)
    }
}

impl Engine for Simulator {
    type Error = Error;
    type Draft = Vec<f64>;

    fn info(&self) -> EngineInfo {
        EngineInfo { device: "simulator", ..EngineInfo::default() }
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn capacity(&self) -> usize {
        self.config.context
    }

    fn max_proposal(&self) -> usize {
        15
    }

    fn has_draft(&self) -> bool {
        !self.draft.is_empty()
    }

    fn counters(&self) -> Counters {
        Counters { submits: self.rounds, ..Counters::default() }
    }

    fn memory(&self) -> MemoryUse {
        MemoryUse::default()
    }

    fn len(&self) -> usize {
        self.length
    }

    fn now_ms(&self) -> f64 {
        self.now
    }

    fn latency_ms(&self) -> f64 {
        self.machine.read_back.0 + self.machine.read_back.1
    }

    fn max_in_flight(&self) -> usize {
        self.machine.max_in_flight
    }

    fn in_flight(&self) -> usize {
        self.flights.len()
    }

    async fn truncate(&mut self, len: usize) -> Result<(), Error> {
        while self.in_flight() > 0 {
            self.collect().await?;
        }
        self.length = self.length.min(len);
        self.context.truncate(self.length);
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        round::check_growth(self, tokens.len())?;
        self.truncate(self.length).await?;
        self.context.extend_from_slice(tokens);
        self.length = self.context.len();
        self.now += self.machine.verify(1, 0);
        Ok(())
    }

    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), Error> {
        round::check_rules(self, rules)?;
        self.limit = limit;
        Ok(())
    }

    async fn replace_draft(&mut self, draft: Vec<f64>) -> Result<(), Error> {
        self.draft = draft;
        Ok(())
    }

    fn ready(&self, proposal: &Proposal) -> bool {
        let follows = match proposal {
            Proposal::Device { .. } | Proposal::Branches(_) => true,
            Proposal::Tokens(_) => proposal.is_empty(),
        };
        self.in_flight() == 0 || (self.in_flight() < self.machine.max_in_flight && follows)
    }

    /// # Panics
    /// When it is not ready.
    fn submit(&mut self, proposal: Proposal) -> Result<(), Error> {
        assert!(self.ready(&proposal), "the rounds in flight must be collected first");
        let proposal = round::admit(self, proposal)?;
        let (tokens, accepted, drafted, source) = self.decide(&proposal);
        let steps = if source == Source::Model { drafted } else { 0 };
        let asks = matches!(proposal, Proposal::Device { lookup: 1.., .. });
        // What is submitted behind the end does nothing.
        let works = if tokens.is_empty() { 0.0 } else { self.noise() };
        let draft_ms = steps as f64 * self.machine.draft_step * works;
        let lookup_ms = if asks { LOOKUP * self.machine.verify(1, 0) * works } else { 0.0 };
        let verify_ms = self.machine.verify(drafted + 1, self.context.len()) * works + lookup_ms;
        self.context.extend_from_slice(&tokens);

        self.now += self.machine.host;
        let begins = self.idle.max(self.now + self.machine.dispatch);
        self.idle = begins + draft_ms + verify_ms;
        let (shortest, more) = self.machine.read_back;
        let known = self.idle + shortest - more * self.random.share().ln();
        let known = self.flights.back().map_or(known, |(before, _)| known.max(*before));
        let tested = if tokens.is_empty() { 0 } else { drafted.min(accepted + 1) };
        let overlaps = (0..tested).map(|i| if i < accepted { ONE } else { 0 }).collect();
        let (draft_ms, verify_ms) = (self.machine.told(draft_ms), self.machine.told(verify_ms));
        let outcome = Outcome {
            tokens,
            source,
            drafted,
            accepted,
            overlaps,
            draft_ms,
            verify_ms,
            ..Outcome::default()
        };
        self.flights.push_back((known, outcome));
        self.rounds += 1;
        Ok(())
    }

    async fn collect(&mut self) -> Result<Outcome, Error> {
        let Some((known, outcome)) = self.flights.pop_front() else { return Ok(Outcome::default()) };
        self.now = self.now.max(known);
        self.length += outcome.tokens.len();
        Ok(outcome)
    }
}
