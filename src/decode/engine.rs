//! What a backend gives the decoder: a sequence that grows a round at a time.

use crate::Error;
pub use crate::gpu::Counters;

/// Who proposes the tokens of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal<'a> {
    /// Nobody: one plain target step.
    None,
    /// These tokens, found on the host (n-gram lookup).
    Tokens(&'a [u32]),
    /// The loaded draft model, `gamma` greedy steps, on the engine's device.
    Draft {
        /// Tokens to draft.
        gamma: usize,
    },
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Round {
    /// Committed tokens: the accepted prefix of the proposal, then one token of the target's own.
    pub tokens: Vec<u32>,
    /// Proposed tokens.
    pub drafted: usize,
    /// Accepted ones; `tokens.len() == accepted + 1`.
    pub accepted: usize,
    /// Time in drafting, in ms. On the GPU, drafting and verifying share a submit; 0 where it cannot be told apart.
    pub draft_ms: f64,
    /// Time in verifying, in ms (on the GPU: the whole round).
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
    /// Forgets all but the first `len` tokens: KV rollback by length.
    fn truncate(&mut self, len: usize);
    /// Appends prompt tokens and fills the caches (target and draft). Callers pass chunks that fit the capacity.
    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error>;
    /// Proposes, verifies greedily and commits.
    async fn round(&mut self, proposal: Proposal<'_>) -> Result<Round, Error>;
}
