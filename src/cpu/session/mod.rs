//! A sequence on the CPU: the forward pass beside it, verification on the host.
//!
//! [`TargetReader`] and [`DraftReader`] are of use alone, to everybody who has a target and a draft read a text: they know
//! what was read, catch up and go on, with the [`States`] before each token at hand.

mod decide;
mod draft;
mod propose;
mod states;
mod target;

use std::rc::Rc;

use web_time::Instant;

pub use draft::DraftReader;
use propose::Drafted;
pub use states::States;
pub use target::TargetReader;

use super::{Draft, Logits, Model};
use crate::drafters::Lookup;
use crate::model::{CacheType, Config};
use crate::round::{
    self, Counters, Engine, EngineInfo, Error, Memory, MemoryUse, Outcome, Proposal, Rules, Source,
};
use crate::sampling::log_probability;
use crate::sampling::random::{Draws, Philox};
use crate::verify::{Greedy, Rows, Verdict, Verifier};

/// Rows of a pass that only fills a cache: activations stay small, weights are still read once for many rows.
const FILL_ROWS: usize = 64;

/// Most rows that one verifying pass computes.
const VERIFY_ROWS: usize = 16;

/// A target and maybe a draft model on the CPU. A round is computed when it is collected.
pub struct Session {
    target: TargetReader<Rc<Model>>,
    draft: Option<DraftReader<Rc<Draft>>>,
    lookup: Lookup,
    greedy: Box<dyn Verifier>,
    capacity: usize,
    kv_cache: CacheType,
    context: Vec<u32>,
    rules: Rules,
    /// Tokens of context that end the rounds.
    limit: usize,
    /// Rounds since the rules were set.
    epoch: u32,
    submitted: Option<Proposal>,
    /// Pages that drafts had added which others have replaced.
    replaced_pages: u64,
}

impl Session {
    /// An empty sequence of at most `capacity` tokens, which both models must have been loaded for.
    ///
    /// The draft must have been loaded for this target, as it runs [beside](crate::model::Draft::beside) it.
    pub fn new(target: Rc<Model>, draft: Option<Rc<Draft>>, capacity: usize) -> Self {
        Self::with_kv_cache(target, draft, capacity, CacheType::default())
    }

    /// As [`Self::new`], with KV caches of `kv_cache`.
    pub fn with_kv_cache(
        target: Rc<Model>,
        draft: Option<Rc<Draft>>,
        capacity: usize,
        kv_cache: CacheType,
    ) -> Self {
        let taps = draft.as_ref().and_then(|draft| draft.taps().cloned());
        Self {
            target: TargetReader::new(target, capacity, taps).with_kv_cache(kv_cache),
            draft: draft.map(|draft| DraftReader::new(draft, capacity).with_kv_cache(kv_cache)),
            kv_cache,
            lookup: Lookup::default(),
            greedy: Box::new(Greedy),
            capacity,
            context: Vec::new(),
            rules: Rules::default(),
            limit: capacity,
            epoch: 0,
            submitted: None,
            replaced_pages: 0,
        }
    }

    /// The same with another verifier than [`Greedy`] at temperature 0.
    pub fn with_verifier(mut self, verifier: Box<dyn Verifier>) -> Self {
        self.greedy = verifier;
        self
    }

    /// The target.
    pub fn target(&self) -> &Rc<Model> {
        self.target.model()
    }

    /// Another, empty sequence on the same weights.
    pub fn another(&self) -> Self {
        let draft = self.draft.as_ref().map(|reader| Rc::clone(reader.draft()));
        Self::with_kv_cache(Rc::clone(self.target.model()), draft, self.capacity, self.kv_cache)
    }

    /// Forgets what target and draft have read beyond the first `len` tokens.
    fn keep_read(&mut self, len: usize) {
        self.target.truncate(len);
        if let Some(draft) = &mut self.draft {
            draft.truncate(len);
        }
    }

    /// Sees to memory for `len` tokens of context.
    fn reserve(&mut self, len: usize) -> Result<(), Error> {
        self.target.reserve(len)?;
        self.draft.as_mut().map_or(Ok(()), |draft| draft.reserve(len))
    }

    /// Has both models read all of the context but the last token.
    fn fill(&mut self) {
        let all_but_last = &self.context[..self.context.len().saturating_sub(1)];
        self.target.fill(all_but_last);
        if let Some(draft) = &mut self.draft {
            draft.fill(all_but_last, self.target.states());
        }
    }

    fn draws(&self) -> Draws {
        Draws::new(Philox::new(self.rules.sampling.seed), self.epoch)
    }

    fn propose(&mut self, proposal: Proposal) -> Result<Drafted, Error> {
        let (lookup, model) = match proposal {
            Proposal::Tokens(tree) => return Ok(Drafted::found(tree.tokens().to_vec(), Source::Host)),
            Proposal::Device { lookup, model } => (lookup, model),
        };
        if lookup > 0 {
            let found = self.lookup.find(&self.context, lookup);
            if !found.is_empty() {
                return Ok(Drafted::found(found, Source::Lookup));
            }
        }
        if model == 0 {
            return Ok(Drafted::default());
        }
        let draws = self.draws();
        let draft = self.draft.as_mut().ok_or(Error::NoDraft)?;
        Ok(Drafted::by(draft, &self.target, &self.context, &self.rules, draws, model))
    }

    /// Verifies against the target's adjusted logits.
    fn decide(&mut self, drafted: &Drafted, logits: &[f32]) -> decide::Decided {
        let (rules, width) = (&self.rules, self.target.model().config().head_vocab);
        match rules.verifier() {
            None => decide::greedily(rules, &mut *self.greedy, drafted, Rows::new(logits, width)),
            Some(verifier) => {
                let (position, draws) = (self.context.len(), self.draws());
                decide::sampled(rules, &*verifier, drafted, (logits, width), position, draws)
            }
        }
    }

    fn round(&mut self, proposal: Proposal) -> Result<Outcome, Error> {
        let (length, width) = (self.context.len(), self.config().head_vocab);
        self.reserve(length + proposal.len())?;
        let began = Instant::now();
        let mut drafted = self.propose(proposal)?;
        let verifying = Instant::now();

        let rows = [&self.context[length - 1..], &drafted.tokens].concat();
        let mut logits = self.target.read(&rows, Logits::All);
        decide::adjust_rows(&self.rules, &self.context, &drafted, &mut logits, width);
        let faulty = drafted.end_at_fault(&mut logits, width);
        let decide::Decided { mut verdict, overlaps, excess } = self.decide(&drafted, &logits);
        if faulty && verdict.accepted == drafted.tokens.len() {
            // What was accepted is said as it would be without drafting; the next round meets that row with nothing accepted.
            let Some(&next) = drafted.tokens.last() else {
                self.keep_read(length - 1);
                return Err(Error::Numerics { tokens: length });
            };
            verdict = Verdict { accepted: verdict.accepted - 1, next };
        }

        let mut tokens = drafted.tokens[..verdict.accepted].to_vec();
        tokens.push(verdict.next);
        tokens.truncate(self.rules.kept(length, self.limit, &tokens));
        let mut logprobs = Vec::new();
        if self.rules.logprobs {
            let temperature = self.rules.sampling.temperature;
            let rows = logits.chunks_exact(width).zip(&tokens);
            logprobs.extend(rows.map(|(row, id)| log_probability(row, *id, temperature)));
        }
        self.context.extend_from_slice(&tokens);
        self.epoch += 1;
        self.keep_read(self.context.len() - 1);
        Ok(Outcome {
            source: if drafted.tokens.is_empty() { Source::Nobody } else { drafted.source },
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

impl Engine for Session {
    type Error = Error;
    type Draft = Rc<Draft>;

    fn info(&self) -> EngineInfo {
        let target = self.target.model();
        let (adapter, threads) = (target.level().name().into(), target.team().threads());
        EngineInfo { device: "cpu", adapter, threads, kv_cache: self.kv_cache, ..EngineInfo::default() }
    }

    fn config(&self) -> &Config {
        self.target.model().config()
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
        let draft = self.draft.as_ref().map_or(0, |draft| draft.cache().pages_added());
        let pages = self.target.cache().pages_added() + draft + self.replaced_pages;
        Counters { pages, ..Counters::default() }
    }

    fn memory(&self) -> MemoryUse {
        let target = self.target.memory();
        MemoryUse { target, draft: self.draft.as_ref().map(DraftReader::memory) }
    }

    fn len(&self) -> usize {
        self.context.len()
    }

    fn in_flight(&self) -> usize {
        usize::from(self.submitted.is_some())
    }

    async fn truncate(&mut self, len: usize) -> Result<(), Error> {
        self.submitted = None;
        self.context.truncate(len);
        self.keep_read(len.saturating_sub(1));
        self.target.release(len);
        if let Some(draft) = &mut self.draft {
            draft.release(len);
        }
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        round::check_growth(self, tokens.len())?;
        self.reserve(self.context.len() + tokens.len())?;
        self.context.extend_from_slice(tokens);
        self.fill();
        Ok(())
    }

    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), Error> {
        round::check_rules(self, rules)?;
        self.rules = rules.clone();
        self.limit = limit.min(self.capacity);
        self.epoch = 0;
        Ok(())
    }

    async fn replace_draft(&mut self, draft: Rc<Draft>) -> Result<(), Error> {
        assert_eq!(self.in_flight(), 0, "a generation is under way");
        round::check_fit(self, &draft.fit(self.target.model()))?;
        let mut reader = DraftReader::new(Rc::clone(&draft), self.capacity).with_kv_cache(self.kv_cache);
        reader.reserve(self.context.len())?;
        self.target.keep_states(draft.taps().cloned());
        let replaced = self.draft.replace(reader);
        self.replaced_pages += replaced.map_or(0, |draft| draft.cache().pages_added());
        self.fill();
        Ok(())
    }

    fn ready(&self, _proposal: &Proposal) -> bool {
        self.submitted.is_none()
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), Error> {
        self.submitted = Some(round::admit(self, proposal)?);
        Ok(())
    }

    async fn collect(&mut self) -> Result<Outcome, Error> {
        match self.submitted.take() {
            Some(proposal) => self.round(proposal),
            None => Ok(Outcome::default()),
        }
    }
}
