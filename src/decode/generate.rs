//! The driver: a prompt goes in, tokens come out, one bounded piece of work a step.

use std::collections::VecDeque;

use web_time::Instant;

use super::controller::{Controller, Gamma, Source};
use super::event::{Event, FinishReason};
use super::stats::Stats;
use crate::drafters::{Drafter, NoDrafter};
use crate::round::{self, Counters, Engine, Error, Outcome, Proposal, Rules};
use crate::round::{check_draft, check_prompt, check_rules};

/// Prompt tokens read in one step.
pub const PREFILL_CHUNK: usize = 64;

/// What to generate.
pub struct Options {
    /// Most tokens to generate.
    pub max_tokens: usize,
    /// Tokens to propose a round. The engine's limit holds in any case.
    pub gamma: Gamma,
    /// Who proposes.
    pub drafter: Box<dyn Drafter>,
    /// How tokens are chosen, and which end the generation; greedy by default.
    pub rules: Rules,
    /// Rounds to keep in flight; `None` follows from how long results take to the host.
    pub in_flight: Option<usize>,
}

impl Default for Options {
    /// Plain, greedy decoding of 256 tokens.
    fn default() -> Self {
        Self {
            max_tokens: 256,
            gamma: Gamma::Default,
            drafter: Box::new(NoDrafter),
            rules: Rules::default(),
            in_flight: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Idle,
    Prefill,
    Decode,
    Finished(FinishReason),
}

/// Drives an [`Engine`]: [`start`](Self::start), then [`step`](Self::step) until [`Event::Finished`].
///
/// To abort, stop calling `step`: whatever was going on, the next `start` begins from a sound state. It keeps the
/// keys and values of the tokens that the new prompt shares with the context before, so a chat reads every turn once.
///
/// ```no_run
/// # use paceline::decode::{Event, Generator, Options};
/// # use paceline::{drafters, load::AnyEngine};
/// # async fn example(engine: AnyEngine, prompt: &[u32]) -> Result<(), paceline::Error> {
/// let mut generator = Generator::new(engine);
/// generator.start(prompt, Options { drafter: drafters::by_name("ngram")?, ..Options::default() })?;
/// loop {
///     match generator.step().await? {
///         Event::Prefill { done, total } => println!("{done} of {total}"),
///         Event::Tokens { tokens, .. } => println!("{tokens:?}"),
///         Event::Finished(reason) => break println!("{reason:?} {:?}", generator.stats()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Generator<E> {
    engine: E,
    options: Options,
    state: State,
    /// Prompt and generated tokens.
    context: Vec<u32>,
    /// Tokens of the prompt, at the beginning of `context`.
    prompt: usize,
    /// How many tokens at the beginning of `context` the engine's context is known to begin with, whatever was dropped
    /// when. Between `start` and the first step, and after a step that was dropped, the engine's may go on differently.
    held: usize,
    /// Whether the engine's context is all of it in `context`: not before the first step of a generation.
    rewound: bool,
    controller: Controller,
    /// Rounds in flight, the oldest first.
    flights: VecDeque<Flight>,
    /// When the last round was collected.
    collected: Option<Instant>,
    /// What rounds did that were collected ahead of their steps.
    ahead: VecDeque<Event>,
    stats: Stats,
    counters: Counters,
}

/// A round in flight.
struct Flight {
    submitted: Instant,
    source: Source,
    paused: bool,
}

impl<E: Engine> Generator<E> {
    /// A generator on `engine`, with nothing to do yet.
    pub fn new(engine: E) -> Self {
        Self {
            engine,
            options: Options::default(),
            state: State::Idle,
            context: Vec::new(),
            prompt: 0,
            held: 0,
            rewound: false,
            controller: Controller::default(),
            flights: VecDeque::new(),
            collected: None,
            ahead: VecDeque::new(),
            stats: Stats::default(),
            counters: Counters::default(),
        }
    }

    /// The engine.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// Gives the engine back.
    pub fn into_engine(self) -> E {
        self.engine
    }

    /// The prompt and everything generated since.
    pub fn context(&self) -> &[u32] {
        &self.context
    }

    /// What was generated, a stop token included.
    pub fn generated(&self) -> &[u32] {
        &self.context[self.prompt..]
    }

    /// Statistics of the generation so far.
    pub fn stats(&self) -> Stats {
        let stats = Stats { paused: self.controller.paused(), ..self.stats };
        stats.complete(self.counters, self.engine.counters())
    }

    /// Begins a generation; one that is still running is abandoned.
    ///
    /// # Errors
    /// As [`check_prompt`], [`check_draft`] where the drafter needs one, and [`check_rules`]; the generation before can then
    /// still go on.
    pub fn start(&mut self, prompt: &[u32], options: Options) -> Result<(), Error> {
        check_prompt(&self.engine, prompt)?;
        if options.drafter.needs_draft_model() {
            check_draft(&self.engine)?;
        }
        check_rules(&self.engine, &options.rules)?;

        let held = &self.context[..self.held];
        let reused = held.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        (self.held, self.rewound) = (reused, false);
        self.ahead.clear();
        self.context.clear();
        self.context.extend_from_slice(prompt);
        self.prompt = prompt.len();
        self.controller.restart(options.gamma);
        let excess = options.rules.lenience.map(|_| 0.0);
        self.options = options;
        self.stats = Stats { prompt_tokens: prompt.len(), reused_tokens: reused, excess, ..Stats::default() };
        self.counters = self.engine.counters();
        self.state = if reused < prompt.len() { State::Prefill } else { State::Decode };
        Ok(())
    }

    /// Does the next piece of work: reads [`PREFILL_CHUNK`] tokens of the prompt, or decodes one round.
    ///
    /// # Errors
    /// [`Error::NotStarted`] before `start` and after an error; what the engine reports.
    pub async fn step(&mut self) -> Result<Event, E::Error> {
        if let Some(event) = self.ahead.pop_front() {
            return Ok(event);
        }
        match self.state {
            State::Idle => return Err(Error::NotStarted.into()),
            State::Finished(reason) => return Ok(Event::Finished(reason)),
            State::Prefill | State::Decode => {}
        }
        if let Some(reason) = self.exhausted() {
            self.state = State::Finished(reason);
            return Ok(Event::Finished(reason));
        }
        // Restored where the work ends well: an error, or a future that is dropped, leaves it as it is here.
        let state = std::mem::replace(&mut self.state, State::Idle);
        match self.work(state).await {
            Ok((next, event)) => {
                self.state = next;
                Ok(event)
            }
            Err(error) => {
                self.held = 0;
                Err(error)
            }
        }
    }

    /// Has the engine propose with another draft model, between two steps: the text goes on as if nothing had happened,
    /// and so does sampling. Rounds that are in flight end first; their events are those of the next steps. A call that is
    /// dropped ends the generation, as a step does.
    ///
    /// # Errors
    /// What the engine reports. Where the draft does not fit, the one before stays and the generation can go on.
    pub async fn replace_draft(&mut self, draft: E::Draft) -> Result<(), E::Error> {
        let state = std::mem::replace(&mut self.state, State::Idle);
        let state = match self.land(state).await {
            Ok(state) => state,
            Err(error) => {
                self.held = 0;
                return Err(error);
            }
        };
        let replaced = self.engine.replace_draft(draft).await;
        self.state = state;
        if replaced.is_ok() {
            self.controller.forget_draft();
        }
        replaced
    }

    /// Collects the rounds in flight ahead of their steps; says the state after them.
    async fn land(&mut self, mut state: State) -> Result<State, E::Error> {
        while self.rewound
            && state == State::Decode
            && self.exhausted().is_none()
            && self.engine.in_flight() > 0
        {
            let began = Instant::now();
            let round = self.engine.collect().await?;
            let (next, event) = self.add(round, began);
            self.ahead.push_back(event);
            state = next;
        }
        // What else is in flight comes after the end, or is of a generation that was abandoned.
        self.flights.clear();
        self.engine.truncate(self.held).await?;
        Ok(state)
    }

    async fn work(&mut self, state: State) -> Result<(State, Event), E::Error> {
        if !self.rewound {
            self.rewind().await?;
            self.rewound = true;
        }
        match state {
            State::Prefill => self.prefill().await,
            _ => self.round().await,
        }
    }

    /// Why no further round is possible.
    fn exhausted(&self) -> Option<FinishReason> {
        if self.generated().len() >= self.options.max_tokens {
            Some(FinishReason::Length)
        } else if self.context.len() >= self.engine.capacity() {
            Some(FinishReason::Context)
        } else {
            None
        }
    }

    async fn prefill(&mut self) -> Result<(State, Event), E::Error> {
        let began = Instant::now();
        let total = self.prompt;
        let start = self.engine.len();
        let done = total.min(start + PREFILL_CHUNK);
        self.engine.append(&self.context[start..done]).await?;
        self.held = done;
        self.stats.prefill_ms += ms_since(began);
        let next = if done == total { State::Decode } else { State::Prefill };
        Ok((next, Event::Prefill { done, total }))
    }

    /// Takes the engine back to the tokens that it is known to hold, whatever it was doing, and gives it the rules.
    async fn rewind(&mut self) -> Result<(), E::Error> {
        self.flights.clear();
        self.collected = None;
        self.engine.truncate(self.held).await?;
        self.engine.begin(&self.options.rules, self.prompt + self.options.max_tokens)
    }

    async fn round(&mut self) -> Result<(State, Event), E::Error> {
        let began = Instant::now();
        self.submit()?;
        self.stats.host_ms += ms_since(began);
        let round = self.engine.collect().await?;
        Ok(self.add(round, began))
    }

    /// What a round did that was waited for since `began`.
    fn add(&mut self, round: Outcome, began: Instant) -> (State, Event) {
        let now = Instant::now();
        if let Some(flight) = self.flights.pop_front() {
            // A round that was submitted behind another began when that one ended.
            let from = self.collected.map_or(flight.submitted, |at| at.max(flight.submitted));
            let ms = (now - from).as_secs_f64() * 1000.0;
            let tested = round.overlaps.len();
            let source = match round.source {
                round::Source::Nobody => flight.source,
                round::Source::Host | round::Source::Lookup => Source::Tokens,
                round::Source::Model => Source::Draft,
            };
            self.controller.observe(source, round.drafted, tested, round.accepted, ms);
            self.stats.paused_rounds += usize::from(flight.paused);
        }
        self.collected = Some(now);
        self.options.drafter.observe(&round);
        self.context.extend_from_slice(&round.tokens);
        self.held = self.context.len();
        self.stats.add(&round);
        self.stats.decode_ms += ms_since(began);

        let stopped = round.tokens.last().is_some_and(|id| self.options.rules.stop_ids.contains(id));
        let next = if stopped { State::Finished(FinishReason::Stop) } else { State::Decode };
        let Outcome { tokens, accepted, drafted, logprobs, .. } = round;
        (next, Event::Tokens { tokens, accepted, drafted, logprobs, stopped })
    }

    /// Submits rounds until enough are in flight.
    fn submit(&mut self) -> Result<(), E::Error> {
        let depth = self.depth();
        while self.engine.in_flight() < depth {
            let behind = self.engine.in_flight();
            // Every round in flight commits a token at least.
            let room = self.room().saturating_sub(behind);
            if behind > 0 && (room == 0 || self.options.drafter.reads_context()) {
                break;
            }
            let longest = room.saturating_sub(1).min(self.engine.max_proposal());
            let limits = self.controller.limits(self.options.drafter.default_limits(), longest);
            let proposal = self.options.drafter.propose(&self.context, limits);
            if !self.engine.ready(&proposal) {
                break;
            }
            let source = match &proposal {
                proposal if proposal.is_empty() => Source::Plain,
                Proposal::Tokens(_) | Proposal::Device { model: 0, .. } => Source::Tokens,
                Proposal::Device { .. } => Source::Draft,
            };
            let paused = source == Source::Plain && self.controller.paused().is_some();
            self.flights.push_back(Flight { submitted: Instant::now(), source, paused });
            self.engine.submit(proposal)?;
        }
        self.stats.rounds_in_flight = self.stats.rounds_in_flight.max(self.engine.in_flight());
        Ok(())
    }

    fn depth(&self) -> usize {
        let most = self.engine.max_in_flight();
        match self.options.in_flight {
            Some(depth) => depth.clamp(1, most),
            // How long a proposal may be depends on how many rounds are in front of it. Where the same seed is to give
            // the same sample, that must not depend on timings.
            None if !self.options.rules.sampling.is_greedy() && self.options.gamma != Gamma::Auto => {
                most.min(2)
            }
            None => self.controller.depth(self.engine.latency_ms(), most),
        }
    }

    /// Tokens that the context and `max_tokens` leave room for.
    fn room(&self) -> usize {
        let context = self.engine.capacity() - self.context.len();
        context.min(self.options.max_tokens - self.generated().len())
    }
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}
