//! The CPU engine: the forward pass of [`crate::cpu`], verification on the host.

use web_time::Instant;

use crate::cpu::{Cache, Logits, Model};
use crate::decode::verifier::{Block, Greedy, Rows, Verifier, argmax};
use crate::decode::{Counters, Engine, EngineInfo, Error, Proposal, Round};
use crate::model::Config;

/// Rows of a pass that only fills a cache: activations stay small, weights are still read once for many rows.
const FILL_ROWS: usize = 64;

/// Most rows that one verifying pass computes.
const VERIFY_ROWS: usize = 16;

/// A model, and what it has read of the context.
struct Reader {
    model: Model,
    cache: Cache,
    /// Tokens of the context whose keys and values are in `cache`.
    read: usize,
}

impl Reader {
    fn new(model: Model, capacity: usize) -> Self {
        let cache = Cache::new(model.config(), capacity);
        Self { model, cache, read: 0 }
    }

    /// Reads on to the end of `context`, without logits.
    fn fill(&mut self, context: &[u32]) {
        for chunk in context[self.read.min(context.len())..].chunks(FILL_ROWS) {
            self.forward(chunk, Logits::None);
        }
    }

    /// Reads `tokens`, the next ones.
    fn forward(&mut self, tokens: &[u32], which: Logits) -> Vec<f32> {
        let logits = self.model.forward(&mut self.cache, tokens, self.read, which);
        self.read += tokens.len();
        logits
    }

    /// Forgets what was read beyond the first `len` tokens.
    fn truncate(&mut self, len: usize) {
        self.read = self.read.min(len);
    }
}

/// A target and maybe a draft model on the CPU.
pub struct CpuEngine {
    target: Reader,
    draft: Option<Reader>,
    verifier: Box<dyn Verifier>,
    capacity: usize,
    context: Vec<u32>,
}

impl CpuEngine {
    /// An engine for contexts of at most `capacity` tokens, which both models must have been loaded for.
    ///
    /// The draft must read every id that the target reads, and predict none beyond ([`super::load()`] checks this).
    pub fn new(target: Model, draft: Option<Model>, capacity: usize) -> Self {
        Self {
            target: Reader::new(target, capacity),
            draft: draft.map(|model| Reader::new(model, capacity)),
            verifier: Box::new(Greedy),
            capacity,
            context: Vec::new(),
        }
    }

    /// The same with another verifier than [`Greedy`].
    pub fn with_verifier(mut self, verifier: Box<dyn Verifier>) -> Self {
        self.verifier = verifier;
        self
    }

    /// `gamma` greedy tokens of the draft model's own. It may lag behind the context: after a round that accepted
    /// everything it has not read the last accepted token, so its first pass has two rows.
    fn draft(&mut self, gamma: usize) -> Result<Vec<u32>, Error> {
        let draft = self.draft.as_mut().ok_or(Error::NoDraft)?;
        draft.fill(&self.context[..self.context.len().saturating_sub(FILL_ROWS)]);
        let mut proposal: Vec<u32> = Vec::with_capacity(gamma);
        for _ in 0..gamma {
            let logits = match proposal.last() {
                None => draft.forward(&self.context[draft.read..], Logits::Last),
                Some(&id) => draft.forward(&[id], Logits::Last),
            };
            proposal.push(argmax(&logits));
        }
        Ok(proposal)
    }
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

    fn truncate(&mut self, len: usize) {
        self.context.truncate(len);
        for reader in std::iter::once(&mut self.target).chain(&mut self.draft) {
            reader.truncate(self.context.len().saturating_sub(1));
        }
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), crate::Error> {
        let length = self.context.len() + tokens.len();
        if length > self.capacity {
            return Err(Error::PromptTooLong { tokens: length, capacity: self.capacity }.into());
        }
        self.context.extend_from_slice(tokens);
        let all_but_last = &self.context[..length.saturating_sub(1)];
        for reader in std::iter::once(&mut self.target).chain(&mut self.draft) {
            reader.fill(all_but_last);
        }
        Ok(())
    }

    async fn round(&mut self, proposal: Proposal<'_>) -> Result<Round, crate::Error> {
        let length = self.context.len();
        let last = *self.context.last().ok_or(Error::EmptyPrompt)?;
        if length >= self.capacity {
            return Err(Error::PromptTooLong { tokens: length, capacity: self.capacity }.into());
        }
        let room = (self.capacity - length - 1).min(self.max_proposal());

        let began = Instant::now();
        let proposal = match proposal {
            Proposal::None => Vec::new(),
            Proposal::Tokens(tokens) => tokens[..tokens.len().min(room)].to_vec(),
            Proposal::Draft { gamma } => self.draft(gamma.min(room))?,
        };
        let drafted = Instant::now();

        let mut rows = vec![last];
        rows.extend_from_slice(&proposal);
        let logits = self.target.forward(&rows, Logits::All);
        let target = Rows::new(&logits, self.config().head_vocab);
        let verdict = self.verifier.verify(Block::new(&proposal, target));

        let mut tokens = proposal[..verdict.accepted].to_vec();
        tokens.push(verdict.next);
        self.context.extend_from_slice(&tokens);
        self.truncate(self.context.len());
        Ok(Round {
            tokens,
            drafted: proposal.len(),
            accepted: verdict.accepted,
            draft_ms: (drafted - began).as_secs_f64() * 1000.0,
            verify_ms: drafted.elapsed().as_secs_f64() * 1000.0,
        })
    }
}
