//! What a backend gives the decoder: a sequence that grows a round at a time.

use super::verifier::{self, Greedy, Make};
use crate::Error;
pub use crate::gpu::Counters;
use crate::sampling::{Lenience, Sampling};

/// Who proposes the tokens of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// Nobody: one plain target step.
    None,
    /// These tokens, found on the host (n-gram lookup).
    Tokens(Vec<u32>),
    /// The loaded draft model, `gamma` steps, on the engine's device.
    Draft {
        /// Tokens to draft.
        gamma: usize,
    },
}

impl Proposal {
    /// Tokens that it is meant to have; a draft may stop earlier.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Tokens(tokens) => tokens.len(),
            Self::Draft { gamma } => *gamma,
        }
    }

    /// Whether nothing is proposed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How an engine chooses tokens, and when it stops: the same for every round of a generation.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The target's law.
    pub sampling: Sampling,
    /// How proposals are verified above temperature 0.
    pub verifier: &'static verifier::Spec,
    /// Accepts more than the target's law allows; `None`, the default, is without loss. Tokens are then verified one by
    /// one, whatever `verifier` says.
    pub lenience: Option<Lenience>,
    /// Whether rounds tell the log-probabilities of their tokens.
    pub logprobs: bool,
    /// The draft stops before a token when its most likely one has less than this probability; 0 never stops it.
    /// It decides before it draws, so nothing is lost (ALGORITHMS 1.2, L3).
    pub confidence: f32,
    /// Ids that end the generation.
    pub stop_ids: Vec<u32>,
    /// Most tokens of the context, prompt and answer together.
    pub limit: usize,
}

impl Rules {
    /// Greedy decoding up to `limit` tokens of context.
    pub fn greedy(limit: usize) -> Self {
        Self {
            sampling: Sampling::default(),
            verifier: verifier::best(),
            lenience: None,
            logprobs: false,
            confidence: 0.0,
            stop_ids: Vec::new(),
            limit,
        }
    }

    /// What verifies: greedily at temperature 0, whatever is asked for above it.
    pub fn verifier(&self) -> Make {
        if self.sampling.is_greedy() { Make::Greedy(|| Box::new(Greedy)) } else { self.verifier.make }
    }

    /// How many of the tokens that a round would commit behind `length` others are kept: those up to a stop token
    /// and to the limit, at least one.
    pub fn kept(&self, length: usize, tokens: &[u32]) -> usize {
        let stop = tokens.iter().position(|id| self.stop_ids.contains(id));
        let room = self.limit.saturating_sub(length).max(1);
        stop.map_or(tokens.len(), |i| i + 1).min(room)
    }
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Round {
    /// Committed tokens: the accepted prefix of the proposal, then one token of the target's own; cut behind a stop
    /// token and at the limit. None in a round that was submitted before the end became known.
    pub tokens: Vec<u32>,
    /// Proposed tokens.
    pub drafted: usize,
    /// Accepted ones among `tokens`.
    pub accepted: usize,
    /// `sum min(p, q)` at each proposed token that was put to the test, in units of [`ONE`](crate::sampling::ONE):
    /// the exact probability that it was accepted (ALGORITHMS 2.4). With lenience `sum min(f(p), q)`.
    pub overlaps: Vec<u32>,
    /// With lenience: the total variation of the token's law from the target's at each of those, in the same units
    /// (ALGORITHMS 3.5). Empty without.
    pub excess: Vec<u32>,
    /// [`log_probability`](crate::sampling::log_probability) of each token, where the rules ask for it; otherwise empty.
    pub logprobs: Vec<f32>,
    /// Time in drafting, in ms; 0 where the device cannot tell it apart from verifying.
    pub draft_ms: f64,
    /// Time in verifying, in ms.
    pub verify_ms: f64,
}

/// What the engine runs on.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct EngineInfo {
    /// `webgpu` or `cpu`.
    pub device: &'static str,
    /// The adapter's name, or the SIMD level.
    pub adapter: String,
    /// Whether the adapter is a software one.
    pub software: bool,
    /// The matvec variant in use (GPU).
    pub variant: String,
}

/// One sequence on one device: a target, its KV cache, and maybe a draft model with its own.
///
/// The engine owns the context `tokens[0..len]`. The target's cache always covers `tokens[0..len - 1]`: the last
/// token is read by the next round.
#[allow(async_fn_in_trait, reason = "single-threaded in the browser: the futures need not be Send")]
pub trait Engine {
    /// What it runs on.
    fn info(&self) -> EngineInfo;
    /// The target's hyper-parameters.
    fn config(&self) -> &crate::model::Config;
    /// Positions of the KV cache.
    fn capacity(&self) -> usize;
    /// Most tokens that a round can verify.
    fn max_proposal(&self) -> usize;
    /// Whether a draft model is loaded.
    fn has_draft(&self) -> bool;
    /// Work so far.
    fn counters(&self) -> Counters;
    /// Tokens in the context.
    fn len(&self) -> usize;
    /// Whether the context is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Milliseconds that a result takes back to the host beyond the work itself.
    fn latency_ms(&self) -> f64 {
        0.0
    }
    /// Most rounds that can be in flight.
    fn max_in_flight(&self) -> usize {
        1
    }
    /// Rounds submitted and not yet collected.
    fn in_flight(&self) -> usize;
    /// Forgets all but the first `len` tokens, once the rounds in flight are through: KV rollback by length.
    async fn truncate(&mut self, len: usize) -> Result<(), Error>;
    /// Appends prompt tokens and fills the caches (target and draft). Callers pass chunks that fit the capacity.
    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error>;
    /// The rules of the rounds from now on. Nothing may be in flight.
    fn begin(&mut self, rules: &Rules) -> Result<(), Error>;
    /// Whether a round of `proposal` can be submitted now, behind those in flight.
    fn ready(&self, proposal: &Proposal) -> bool;
    /// Begins a round: proposes, verifies, commits. Callers ask [`ready`](Self::ready) first.
    fn submit(&mut self, proposal: Proposal) -> Result<(), Error>;
    /// What the oldest round in flight did. Dropping the future while it waits loses nothing.
    async fn collect(&mut self) -> Result<Round, Error>;
}
