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

use decide::{Decided, Heard};
pub use draft::DraftReader;
use propose::Drafted;
pub use states::States;
pub use target::TargetReader;

use super::{Draft, Model};
use crate::drafters::Lookup;
use crate::model::{CacheType, Config};
use crate::round::{
    self, Counters, Engine, EngineInfo, Error, MAX_ROWS, Memory, MemoryUse, Outcome, Proposal, Rules, Shape,
    Source, Tree,
};
use crate::sampling::random::{Draws, Philox};
use crate::sampling::{log_probability, sound};
use crate::verify::{Greedy, Rows, Verifier, Walk};

/// Rows of a pass that only fills a cache: activations stay small, weights are still read once for many rows.
const FILL_ROWS: usize = 64;

/// The beginning of a path as far as it was read, where node `n` of its tree is in the slot `from + n`, and `read` slots are.
fn read_of(read: usize, from: usize, path: &[usize]) -> &[usize] {
    &path[..path.iter().take_while(|node| from + **node < read).count()]
}

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

    /// Of what target and draft have read of a tree behind `len` tokens, keeps `path`.
    fn keep_path(&mut self, len: usize, path: &[usize]) {
        self.target.accept(len, path);
        if let Some(draft) = &mut self.draft {
            draft.accept(len, path);
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
        let (lookup, shape) = match proposal {
            Proposal::Tokens(tree) => return Ok(Drafted::found(tree, Source::Host)),
            Proposal::Device { lookup, model } => (lookup, Shape::chain(model)),
            Proposal::Branches(shape) => (0, shape),
        };
        if lookup > 0 {
            let found = self.lookup.find(&self.context, lookup);
            if !found.is_empty() {
                return Ok(Drafted::found(Tree::chain(found), Source::Lookup));
            }
        }
        if shape.nodes() == 0 {
            return Ok(Drafted::default());
        }
        let draws = self.draws();
        let draft = self.draft.as_mut().ok_or(Error::NoDraft)?;
        Ok(Drafted::by(draft, &self.target, &self.context, &self.rules, draws, &shape))
    }

    /// Verifies against the target's adjusted logits.
    fn decide(&mut self, drafted: &Drafted, heard: Heard<'_>) -> Decided {
        let rules = &self.rules;
        match rules.verifier() {
            None => decide::greedily(rules, &mut *self.greedy, drafted, heard),
            Some(verifier) => {
                decide::sampled(rules, &*verifier, drafted, heard, self.context.len(), self.draws())
            }
        }
    }

    fn round(&mut self, proposal: Proposal) -> Result<Outcome, Error> {
        let (length, width) = (self.context.len(), self.config().head_vocab);
        self.reserve(length + proposal.len())?;
        let began = Instant::now();
        let mut drafted = self.propose(proposal)?;
        let verifying = Instant::now();

        let last = self.context[length - 1];
        let mut logits = self.target.read_tree(last, &drafted.tree);
        decide::adjust_rows(&self.rules, &self.context, &drafted, &mut logits, width);
        let (faulty, children) = drafted.end_at_fault(&mut logits, width);
        let rows = Rows::new(&logits, width);
        let Decided { walk, excess } = self.decide(&drafted, Heard { logits: rows, children: &children });
        let Walk { mut path, mut next, overlaps } = walk;
        let said = drafted.tree.tokens();
        if faulty && !sound(rows.row(path.last().map_or(0, |node| node + 1))) {
            // What was accepted is said as it would be without drafting; the next round meets that row with nothing accepted.
            let Some(node) = path.pop() else {
                self.keep_read(length - 1);
                return Err(Error::Numerics { tokens: length });
            };
            next = said[node];
        }

        let mut tokens: Vec<u32> = path.iter().map(|node| said[*node]).collect();
        tokens.push(next);
        tokens.truncate(self.rules.kept(length, self.limit, &tokens));
        let mut logprobs = Vec::new();
        if self.rules.logprobs {
            let temperature = self.rules.sampling.temperature;
            let behind = std::iter::once(0).chain(path.iter().map(|node| node + 1));
            let told = behind.zip(&tokens);
            logprobs.extend(told.map(|(row, id)| log_probability(rows.row(row), *id, temperature)));
        }
        self.context.extend_from_slice(&tokens);
        self.epoch += 1;
        let accepted = path.len().min(tokens.len());
        // The last token is read by the next round.
        path.truncate(tokens.len() - 1);
        self.keep_path(length, &path);
        Ok(Outcome {
            source: if drafted.tree.is_empty() { Source::Nobody } else { drafted.source },
            drafted: drafted.tree.len(),
            accepted,
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
        MAX_ROWS - 1
    }

    fn has_draft(&self) -> bool {
        self.draft.is_some()
    }

    fn branches(&self) -> bool {
        true
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
        if proposal.branches() {
            round::check_branches(self, &self.rules)?;
        }
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
