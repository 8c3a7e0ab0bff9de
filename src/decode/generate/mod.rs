//! The driver: a prompt goes in, tokens come out, one bounded piece of work a step.

mod rounds;

use std::collections::VecDeque;

use rounds::Flight;

use super::controller::{Controller, Gamma, Knowledge};
use super::event::{Event, FinishReason};
use super::stats::Stats;
use crate::drafters::{Drafter, Lookup, NoDrafter};
use crate::round::{Counters, Engine, Error, Rules};
use crate::round::{check_branches, check_draft, check_prompt, check_rules};

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
    /// Whether the same seed must give the same text above temperature 0. What is proposed then never depends on timings or
    /// on what earlier generations found out: [`Gamma::Auto`] is [`Gamma::Default`].
    pub reproducible: bool,
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
            reproducible: false,
            in_flight: None,
        }
    }
}

impl Options {
    /// Whether timings decide what is proposed. A tree is proposed as it was asked for.
    fn is_timed(&self) -> bool {
        let may = self.rules.sampling.is_greedy() || !self.reproducible;
        self.gamma == Gamma::Auto && may && !self.drafter.branches()
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
    collected: Option<f64>,
    /// What a lookup finds behind the context, as long as the match is.
    found: Vec<u32>,
    /// The engine's lookup, on the tokens that are known here.
    lookup: Lookup,
    /// What rounds did that were collected ahead of their steps.
    ahead: VecDeque<Event>,
    stats: Stats,
    counters: Counters,
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
            found: Vec::new(),
            lookup: Lookup::default(),
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

    /// What this generator knows of its engine's rounds: for a later one, on the same models and device.
    pub fn knowledge(&self) -> Knowledge {
        self.controller.knowledge()
    }

    /// Takes up what an earlier generator knew. Wrong knowledge costs some tokens' time until it is unlearnt.
    pub fn recall(&mut self, knowledge: &Knowledge) {
        self.controller.recall(knowledge);
    }

    /// Statistics of the generation so far.
    pub fn stats(&self) -> Stats {
        let stats = Stats { plan: self.controller.plan(), ..self.stats };
        stats.complete(self.counters, self.engine.counters())
    }

    /// Begins a generation; one that is still running is abandoned.
    ///
    /// # Errors
    /// As [`check_prompt`], [`check_draft`] where the drafter needs one, [`check_rules`], and [`check_branches`] where its
    /// proposals branch; the generation before can then still go on.
    pub fn start(&mut self, prompt: &[u32], options: Options) -> Result<(), Error> {
        check_prompt(&self.engine, prompt)?;
        if options.drafter.needs_draft_model() {
            check_draft(&self.engine)?;
        }
        check_rules(&self.engine, &options.rules)?;
        if options.drafter.branches() {
            check_branches(&self.engine, &options.rules)?;
        }

        let held = &self.context[..self.held];
        let reused = held.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        (self.held, self.rewound) = (reused, false);
        self.ahead.clear();
        self.context.clear();
        self.context.extend_from_slice(prompt);
        self.prompt = prompt.len();
        self.controller.restart(rounds::looks_up(&*options.drafter), options.drafter.needs_draft_model());
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
            let began = self.engine.now_ms();
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
        let began = self.engine.now_ms();
        let total = self.prompt;
        let start = self.engine.len();
        let done = total.min(start + PREFILL_CHUNK);
        self.engine.append(&self.context[start..done]).await?;
        self.held = done;
        self.stats.prefill_ms += self.engine.now_ms() - began;
        let next = if done == total { State::Decode } else { State::Prefill };
        Ok((next, Event::Prefill { done, total }))
    }

    /// Takes the engine back to the tokens that it is known to hold, whatever it was doing, and gives it the rules.
    async fn rewind(&mut self) -> Result<(), E::Error> {
        self.flights.clear();
        self.collected = None;
        self.found.clear();
        self.engine.truncate(self.held).await?;
        self.engine.begin(&self.options.rules, self.prompt + self.options.max_tokens)
    }
}
