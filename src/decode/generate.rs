//! The driver: a prompt goes in, tokens come out, one bounded piece of work a step.

use web_time::Instant;

use super::drafter::{Drafter, NoDrafter};
use super::{Counters, Engine, Error, Proposal, Stats};

/// Prompt tokens read in one step.
pub const PREFILL_CHUNK: usize = 64;

/// What to generate.
pub struct Options {
    /// Most tokens to generate.
    pub max_tokens: usize,
    /// Tokens to propose a round (gamma); `None` leaves it to the drafter. The engine's limit holds in any case.
    pub gamma: Option<usize>,
    /// Ids that end the generation, usually [`crate::text::Tokenizer::stop_ids`].
    pub stop_ids: Vec<u32>,
    /// Who proposes.
    pub drafter: Box<dyn Drafter>,
}

impl Default for Options {
    /// Plain decoding of 256 tokens.
    fn default() -> Self {
        Self { max_tokens: 256, gamma: None, stop_ids: Vec::new(), drafter: Box::new(NoDrafter) }
    }
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// A stop token came.
    Stop,
    /// `max_tokens` were generated.
    Length,
    /// The context is full.
    Context,
}

impl FinishReason {
    /// Its name in JSON: `stop`, `length` or `context`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Context => "context",
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Read some of the prompt.
    Prefill {
        /// Prompt tokens read so far, those still cached among them.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// Decoded one round.
    Tokens {
        /// The new tokens, at least one. A stop token is the last one.
        tokens: Vec<u32>,
        /// How many of them were proposed and accepted: the first ones.
        accepted: usize,
        /// How many had been proposed.
        drafted: usize,
        /// Whether the last one is a stop token: it counts among the ids, but is no part of the text.
        stopped: bool,
    },
    /// Nothing more will come.
    Finished(FinishReason),
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
/// # use paceline::decode::{Engine, Event, Generator, Options, drafter};
/// # async fn example(engine: impl Engine, prompt: &[u32]) -> Result<(), paceline::Error> {
/// let mut generator = Generator::new(engine);
/// generator.start(prompt, Options { drafter: drafter::by_name("ngram")?, ..Options::default() })?;
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
    /// Prompt and generated tokens. While a generation runs, the engine's context is a prefix of it.
    context: Vec<u32>,
    /// Tokens of the prompt, at the beginning of `context`.
    prompt: usize,
    /// Whether the engine's context is known to be a prefix of `context`: not after an error, nor after a step
    /// that was dropped half-way.
    sound: bool,
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
            sound: false,
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
        self.stats.complete(self.counters, self.engine.counters())
    }

    /// Begins a generation; one that is still running is abandoned.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::PromptTooLong`] (a prompt must leave room for one token),
    /// [`Error::TokenRange`] and [`Error::NoDraft`]; the generation before can then still go on.
    pub fn start(&mut self, prompt: &[u32], options: Options) -> Result<(), Error> {
        let capacity = self.engine.capacity();
        let vocab = self.engine.config().vocab;
        if prompt.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if prompt.len() >= capacity {
            return Err(Error::PromptTooLong { tokens: prompt.len(), capacity });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= vocab) {
            return Err(Error::TokenRange { id, vocab });
        }
        if options.drafter.needs_draft_model() && !self.engine.has_draft() {
            return Err(Error::NoDraft);
        }

        let shared = self.context.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        let reused = if self.sound { shared.min(self.engine.len()) } else { 0 };
        self.engine.truncate(reused);
        self.sound = true;
        self.context.clear();
        self.context.extend_from_slice(prompt);
        self.prompt = prompt.len();
        self.options = options;
        self.stats = Stats { prompt_tokens: prompt.len(), reused_tokens: reused, ..Stats::default() };
        self.counters = self.engine.counters();
        self.state = if reused < prompt.len() { State::Prefill } else { State::Decode };
        Ok(())
    }

    /// Does the next piece of work: reads [`PREFILL_CHUNK`] tokens of the prompt, or decodes one round.
    ///
    /// # Errors
    /// [`Error::NotStarted`] before `start` and after an error; what the engine reports.
    pub async fn step(&mut self) -> Result<Event, crate::Error> {
        match self.state {
            State::Idle => return Err(Error::NotStarted.into()),
            State::Finished(reason) => return Ok(Event::Finished(reason)),
            State::Prefill | State::Decode => {}
        }
        if let Some(reason) = self.exhausted() {
            self.state = State::Finished(reason);
            return Ok(Event::Finished(reason));
        }
        // Restored where the work ends well: an error, or a future that is dropped, leaves them as they are here.
        let state = std::mem::replace(&mut self.state, State::Idle);
        self.sound = false;
        let (next, event) = match state {
            State::Prefill => self.prefill().await?,
            _ => self.round().await?,
        };
        self.state = next;
        self.sound = true;
        Ok(event)
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

    async fn prefill(&mut self) -> Result<(State, Event), crate::Error> {
        let began = Instant::now();
        let total = self.prompt;
        let start = self.engine.len();
        let done = total.min(start + PREFILL_CHUNK);
        self.engine.append(&self.context[start..done]).await?;
        self.stats.prefill_ms += ms_since(began);
        let next = if done == total { State::Decode } else { State::Prefill };
        Ok((next, Event::Prefill { done, total }))
    }

    async fn round(&mut self) -> Result<(State, Event), crate::Error> {
        let began = Instant::now();
        let max = self.longest_proposal();
        let drafter = &mut self.options.drafter;
        let proposal = if max == 0 { Proposal::None } else { drafter.propose(&self.context, max) };
        let proposing = ms_since(began);
        let mut round = self.engine.round(proposal).await?;
        round.draft_ms += proposing;
        drafter.observe(&round);

        let stop = round.tokens.iter().position(|id| self.options.stop_ids.contains(id));
        let room = self.options.max_tokens - (self.context.len() - self.prompt);
        let kept = stop.map_or(round.tokens.len(), |i| i + 1).min(room);
        let stopped = stop.is_some_and(|i| i < kept);
        let tokens = round.tokens[..kept].to_vec();
        self.context.extend_from_slice(&tokens);
        if kept < round.tokens.len() {
            self.engine.truncate(self.context.len());
        }
        self.stats.add(&round, kept);
        self.stats.decode_ms += ms_since(began);
        let next = if stopped { State::Finished(FinishReason::Stop) } else { State::Decode };
        let event =
            Event::Tokens { tokens, accepted: round.accepted.min(kept), drafted: round.drafted, stopped };
        Ok((next, event))
    }

    /// Gamma, less where the engine, the context or `max_tokens` leave less room: a round commits one token more
    /// than it accepts.
    fn longest_proposal(&self) -> usize {
        let gamma = self.options.gamma.unwrap_or_else(|| self.options.drafter.default_gamma());
        let context = self.engine.capacity() - self.context.len() - 1;
        let wanted = self.options.max_tokens - self.generated().len() - 1;
        gamma.min(self.engine.max_proposal()).min(context).min(wanted)
    }
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}
