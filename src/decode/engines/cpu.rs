//! The CPU engine: the forward pass of [`crate::cpu`], verification on the host.

use std::ops::Range;
use std::rc::Rc;

use web_time::Instant;

use crate::cpu::{self, Cache, Logits, Model, Output};
use crate::decode::verifier::{
    Block, Choices as _, Draft, Greedy, Lenient, LenientGreedy, Make, Rows, Sampled, SamplingVerifier as _,
    Verdict, Verifier, argmax,
};
use crate::decode::{Counters, Engine, EngineInfo, Error, Proposal, Round, Rules};
use crate::model::Config;
use crate::sampling::random::{Draw, Draws, Philox, Stream};
use crate::sampling::{ONE, UNSAYABLE, adjust, log_probability, probabilities, sound};

/// Rows of a pass that only fills a cache: activations stay small, weights are still read once for many rows.
const FILL_ROWS: usize = 64;

/// Most rows that one verifying pass computes.
const VERIFY_ROWS: usize = 16;

/// The target, and what it has read of the context.
struct Target {
    model: Rc<Model>,
    cache: Cache,
    /// Tokens of the context whose keys and values are in `cache`.
    read: usize,
    /// Their final states, `width` values each, where the draft reads them.
    states: Option<Vec<f32>>,
}

impl Target {
    fn new(model: Rc<Model>, capacity: usize, keeps_states: bool) -> Self {
        let cache = Cache::new(model.config(), capacity);
        Self { model, cache, read: 0, states: keeps_states.then(Vec::new) }
    }

    /// Reads on to the end of `context`, without logits.
    fn fill(&mut self, context: &[u32]) {
        for chunk in context[self.read.min(context.len())..].chunks(FILL_ROWS) {
            self.forward(chunk, if self.states.is_some() { Logits::States } else { Logits::None });
        }
    }

    /// Reads `tokens`, the next ones.
    fn forward(&mut self, tokens: &[u32], which: Logits) -> Vec<f32> {
        let start = self.read;
        self.read += tokens.len();
        match &mut self.states {
            None => self.model.forward(&mut self.cache, tokens, start, which),
            Some(states) => {
                let output = self.model.forward_hidden(&mut self.cache, tokens, start, which);
                states.extend(output.hidden);
                output.logits
            }
        }
    }

    /// Forgets what was read beyond the first `len` tokens.
    fn truncate(&mut self, len: usize) {
        self.read = self.read.min(len);
        let width = self.model.config().width;
        self.states.iter_mut().for_each(|states| states.truncate(len * width));
    }

    /// The states one position before each of `positions`; none where they are not kept.
    fn states_before(&self, positions: Range<usize>) -> Vec<f32> {
        let Some(states) = self.states.as_ref().filter(|_| !positions.is_empty()) else { return Vec::new() };
        let width = self.model.config().width;
        let mut before = if positions.start == 0 { vec![0.0; width] } else { Vec::new() };
        before.extend_from_slice(
            &states[positions.start.saturating_sub(1) * width..(positions.end - 1) * width],
        );
        before
    }
}

/// The draft model, and what it has read of the context.
struct Reader {
    draft: Rc<cpu::Draft>,
    cache: Cache,
    /// Tokens of the context whose keys and values are in `cache`, made with the target's states where it reads them.
    read: usize,
}

impl Reader {
    fn new(draft: Rc<cpu::Draft>, capacity: usize) -> Self {
        let cache = Cache::new(draft.config(), capacity);
        Self { draft, cache, read: 0 }
    }

    /// Reads on to the end of `context`, which the target has read up to the last token.
    fn fill(&mut self, context: &[u32], target: &Target) {
        while self.read < context.len() {
            let end = context.len().min(self.read + FILL_ROWS);
            self.catch_up(&context[..end], target, Logits::None);
        }
    }

    /// Reads all that is left of `context` at once.
    fn catch_up(&mut self, context: &[u32], target: &Target, which: Logits) -> Output {
        let (start, end) = (self.read, context.len());
        self.read = end;
        let states = target.states_before(start..end);
        self.draft.forward(&mut self.cache, &context[start..], &states, start, which)
    }

    /// Reads `token` at `position`, which it has proposed itself, and its own state one position before.
    fn draft_on(&mut self, token: u32, state: &[f32], position: usize) -> Output {
        if !self.draft.reads_hidden() {
            // What it reads are tokens alone, so it stands where they are accepted.
            self.read = position + 1;
        }
        self.draft.forward(&mut self.cache, &[token], state, position, Logits::Last)
    }
}

/// A target and maybe a draft model on the CPU. A round is computed when it is collected.
pub struct CpuEngine {
    target: Target,
    draft: Option<Reader>,
    greedy: Box<dyn Verifier>,
    capacity: usize,
    context: Vec<u32>,
    rules: Rules,
    /// Rounds since the rules were set.
    epoch: u32,
    submitted: Option<Proposal>,
}

/// What the draft proposed, and what it was drawn from: no rows where it is greedy.
#[derive(Default)]
struct Drafted {
    tokens: Vec<u32>,
    rows: Vec<Vec<u32>>,
}

impl Drafted {
    /// Ends the proposal where the target's logits (rows of `width`) behind it are not [`sound`], and says whether they are
    /// anywhere: only if all that is left is accepted does that row decide anything. What is left follows from the tokens
    /// before, so the law stays the target's (ALGORITHMS 1.2, L3).
    fn end_at_fault(&mut self, logits: &mut Vec<f32>, width: usize) -> bool {
        let Some(fault) = logits.chunks_exact(width).position(|row| !sound(row)) else { return false };
        self.tokens.truncate(fault);
        self.rows.truncate(fault);
        logits.truncate((fault + 1) * width);
        true
    }
}

impl CpuEngine {
    /// An engine for contexts of at most `capacity` tokens, which both models must have been loaded for.
    ///
    /// The draft must have been loaded for this target, as it runs [beside](crate::model::Draft::beside) it: so does
    /// [`super::load()`].
    pub fn new(target: Rc<Model>, draft: Option<Rc<cpu::Draft>>, capacity: usize) -> Self {
        let reads_states = draft.as_ref().is_some_and(|draft| draft.reads_hidden());
        Self {
            target: Target::new(target, capacity, reads_states),
            draft: draft.map(|draft| Reader::new(draft, capacity)),
            greedy: Box::new(Greedy),
            capacity,
            context: Vec::new(),
            rules: Rules::greedy(capacity),
            epoch: 0,
            submitted: None,
        }
    }

    /// The same with another verifier than [`Greedy`] at temperature 0.
    pub fn with_verifier(mut self, verifier: Box<dyn Verifier>) -> Self {
        self.greedy = verifier;
        self
    }

    /// Another sequence on the same weights.
    pub fn another(&self) -> Self {
        let draft = self.draft.as_ref().map(|reader| Rc::clone(&reader.draft));
        Self::new(Rc::clone(&self.target.model), draft, self.capacity)
    }

    /// Forgets what target and draft have read beyond the first `len` tokens.
    fn keep_read(&mut self, len: usize) {
        self.target.truncate(len);
        if let Some(draft) = &mut self.draft {
            draft.read = draft.read.min(len);
        }
    }

    fn draws(&self) -> Draws {
        Draws::new(Philox::new(self.rules.sampling.seed), self.epoch)
    }

    /// At most `gamma` tokens of the draft model's own. It lags behind the context, so its first pass has several rows:
    /// after a round that accepted everything it has not read the last accepted token, and where it reads the target's
    /// states it reads all accepted tokens again, with theirs in place of its own.
    fn draft(&mut self, gamma: usize) -> Result<Drafted, Error> {
        let mut draws = self.draws();
        let (sampling, confidence) = (&self.rules.sampling, self.rules.confidence);
        let draft = self.draft.as_mut().ok_or(Error::NoDraft)?;
        let length = self.context.len();
        draft.fill(&self.context[..length.saturating_sub(FILL_ROWS)], &self.target);
        let mut drafted = Drafted::default();
        let mut history = self.context.clone();
        let mut state = Vec::new();
        while drafted.tokens.len() < gamma {
            let output = match drafted.tokens.last() {
                None => draft.catch_up(&self.context, &self.target, Logits::Last),
                Some(&id) => draft.draft_on(id, &state, history.len() - 1),
            };
            let vocab = self.target.model.config().vocab;
            let mut logits = output.logits;
            state = output.hidden;
            // Biases and penalties are of the target's ids; laws are not, and are made of fewer numbers without.
            if sampling.is_greedy() || sampling.adjusts() {
                logits = draft.draft.spread(logits, vocab, UNSAYABLE);
                adjust(&mut logits, &history, sampling);
            }
            let token = if sampling.is_greedy() {
                if confidence > 0.0 && greatest_share(&logits) < confidence {
                    break;
                }
                argmax(&logits)
            } else {
                let mut row = vec![0; logits.len()];
                probabilities(&logits, sampling, &mut row);
                let greatest = row.iter().copied().max().unwrap_or(0);
                if (greatest as f32) < confidence * ONE as f32 {
                    break;
                }
                let at = Draw { position: history.len() as u32, stream: Stream::Draft, slot: 0 };
                let row = if sampling.adjusts() { row } else { draft.draft.spread(row, vocab, 0) };
                let token = draws.token(at, &row);
                drafted.rows.push(row);
                token
            };
            drafted.tokens.push(token);
            history.push(token);
        }
        Ok(drafted)
    }

    /// Biases and penalties on the target's logits behind each drafted token.
    fn adjust(&self, drafted: &Drafted, logits: &mut [f32]) {
        let (sampling, width) = (&self.rules.sampling, self.target.model.config().head_vocab);
        if sampling.adjusts() {
            let mut history = self.context.clone();
            for (i, row) in logits.chunks_exact_mut(width).enumerate() {
                adjust(row, &history, sampling);
                history.extend(drafted.tokens.get(i));
            }
        }
    }

    /// Verifies the drafted tokens against the target's adjusted logits, a row more than there are tokens: the verdict,
    /// and `overlaps` and `excess` of the round.
    fn verify(&mut self, drafted: &Drafted, logits: &[f32]) -> (Verdict, Vec<u32>, Vec<u32>) {
        let (sampling, width) = (&self.rules.sampling, self.target.model.config().head_vocab);
        let Make::Sampling(make) = self.rules.verifier() else {
            let rows = Rows::new(logits, width);
            let block = Block::new(&drafted.tokens, rows);
            let verdict = match self.rules.lenience {
                Some(lenience) => LenientGreedy(lenience).verify(block),
                None => self.greedy.verify(block),
            };
            let accepted = verdict.accepted;
            let tested = 0..drafted.tokens.len().min(accepted + 1);
            let overlaps = tested.clone().map(|i| if i < accepted { ONE } else { 0 }).collect();
            let other = |i: usize| i < accepted && drafted.tokens[i] != argmax(rows.row(i));
            let excess = tested.map(|i| if other(i) { ONE } else { 0 });
            let excess = self.rules.lenience.map(|_| excess.collect());
            return (verdict, overlaps, excess.unwrap_or_default());
        };
        let rows: Vec<Vec<u32>> = logits
            .chunks_exact(width)
            .map(|logits| {
                let mut row = vec![0; width];
                probabilities(logits, sampling, &mut row);
                row
            })
            .collect();
        let target: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let draft: Vec<&[u32]> = drafted.rows.iter().map(Vec::as_slice).collect();
        let position = self.context.len() as u32;
        let draft = if draft.is_empty() { Draft::PointMass } else { Draft::Rows(&draft) };
        let block = Sampled { position, proposal: &drafted.tokens, target: &target, draft };
        let tested = |verdict: &Verdict| 0..drafted.tokens.len().min(verdict.accepted + 1);
        let Some(lenience) = self.rules.lenience else {
            let verdict = make().verify(&block, &mut self.draws());
            let overlaps = tested(&verdict).map(|i| block.overlap(i)).collect();
            return (verdict, overlaps, Vec::new());
        };
        let verdict = Lenient(lenience).verify(&block, &mut self.draws());
        let overlaps: Vec<u32> = tested(&verdict).map(|i| block.lenient_overlap(i, &lenience)).collect();
        let excess = overlaps.iter().enumerate().map(|(i, overlap)| overlap - block.overlap(i)).collect();
        (verdict, overlaps, excess)
    }
}

/// The softmax of the greatest logit.
fn greatest_share(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    1.0 / logits.iter().map(|logit| (logit - top).exp()).sum::<f32>()
}

impl Engine for CpuEngine {
    fn info(&self) -> EngineInfo {
        let adapter = self.target.model.level().name().into();
        EngineInfo { device: "cpu", adapter, ..EngineInfo::default() }
    }

    fn config(&self) -> &Config {
        self.target.model.config()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn max_proposal(&self) -> usize {
        VERIFY_ROWS - 1
    }

    fn has_draft(&self) -> bool {
        self.draft.is_some()
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn len(&self) -> usize {
        self.context.len()
    }

    fn in_flight(&self) -> usize {
        usize::from(self.submitted.is_some())
    }

    async fn truncate(&mut self, len: usize) -> Result<(), crate::Error> {
        self.submitted = None;
        self.context.truncate(len);
        self.keep_read(len.saturating_sub(1));
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), crate::Error> {
        let length = self.context.len() + tokens.len();
        if length > self.capacity {
            return Err(Error::PromptTooLong { tokens: length, capacity: self.capacity }.into());
        }
        self.context.extend_from_slice(tokens);
        let all_but_last = &self.context[..length.saturating_sub(1)];
        self.target.fill(all_but_last);
        if let Some(draft) = &mut self.draft {
            draft.fill(all_but_last, &self.target);
        }
        Ok(())
    }

    fn begin(&mut self, rules: &Rules) -> Result<(), crate::Error> {
        self.rules = rules.clone();
        self.rules.limit = rules.limit.min(self.capacity);
        self.epoch = 0;
        Ok(())
    }

    fn ready(&self, _proposal: &Proposal) -> bool {
        self.submitted.is_none()
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), crate::Error> {
        let length = self.context.len();
        if length == 0 {
            return Err(Error::EmptyPrompt.into());
        }
        if length >= self.capacity {
            return Err(Error::PromptTooLong { tokens: length, capacity: self.capacity }.into());
        }
        if matches!(proposal, Proposal::Draft { .. }) && self.draft.is_none() {
            return Err(Error::NoDraft.into());
        }
        self.submitted = Some(proposal);
        Ok(())
    }

    async fn collect(&mut self) -> Result<Round, crate::Error> {
        let Some(proposal) = self.submitted.take() else { return Ok(Round::default()) };
        let length = self.context.len();
        let room = (self.capacity - length - 1).min(self.max_proposal());
        let began = Instant::now();
        let mut drafted = match proposal {
            Proposal::None => Drafted::default(),
            Proposal::Tokens(mut tokens) => {
                tokens.truncate(room);
                Drafted { tokens, rows: Vec::new() }
            }
            Proposal::Draft { gamma } => self.draft(gamma.min(room))?,
        };
        let verifying = Instant::now();

        let mut rows = vec![self.context[length - 1]];
        rows.extend_from_slice(&drafted.tokens);
        let mut logits = self.target.forward(&rows, Logits::All);
        self.adjust(&drafted, &mut logits);
        let faulty = drafted.end_at_fault(&mut logits, self.config().head_vocab);
        let (mut verdict, overlaps, excess) = self.verify(&drafted, &logits);
        if faulty && verdict.accepted == drafted.tokens.len() {
            // What was accepted is said as it would be without drafting; the next round meets that row with nothing accepted.
            let Some(&next) = drafted.tokens.last() else {
                self.keep_read(length - 1);
                return Err(Error::Numerics { tokens: length }.into());
            };
            verdict = Verdict { accepted: verdict.accepted - 1, next };
        }

        let mut tokens = drafted.tokens[..verdict.accepted].to_vec();
        tokens.push(verdict.next);
        tokens.truncate(self.rules.kept(length, &tokens));
        let mut logprobs = Vec::new();
        if self.rules.logprobs {
            let (temperature, width) = (self.rules.sampling.temperature, self.config().head_vocab);
            let rows = logits.chunks_exact(width).zip(&tokens);
            logprobs.extend(rows.map(|(row, id)| log_probability(row, *id, temperature)));
        }
        self.context.extend_from_slice(&tokens);
        self.epoch += 1;
        self.keep_read(self.context.len() - 1);
        Ok(Round {
            drafted: drafted.tokens.len(),
            accepted: verdict.accepted.min(tokens.len()),
            tokens,
            overlaps,
            excess,
            logprobs,
            draft_ms: (verifying - began).as_secs_f64() * 1000.0,
            verify_ms: verifying.elapsed().as_secs_f64() * 1000.0,
        })
    }
}
