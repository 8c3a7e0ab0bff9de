//! What a backend gives the decoder: a sequence that grows a round at a time.

use std::collections::BTreeMap;

use super::{Counters, Error, MemoryUse, Outcome, Proposal, Rules};
use crate::model::{CacheType, Config};
use crate::verify;

/// What the engine runs on.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct EngineInfo {
    /// `webgpu` or `cpu`.
    pub device: &'static str,
    /// The adapter's name, or the SIMD level.
    pub adapter: String,
    /// Whether the adapter is a software one.
    pub software: bool,
    /// The matvec variants in use, the most frequent first (GPU).
    pub variant: String,
    /// Threads that passes run on, the caller among them; 0 on a GPU.
    pub threads: usize,
    /// In what its KV caches keep their numbers.
    #[serde(rename = "kvCache")]
    pub kv_cache: CacheType,
    /// The matvec variants of each matrix, by its format and shape, for 1, 2, up to 4 and up to 8 rows (GPU).
    pub kernels: BTreeMap<String, String>,
}

/// One sequence on one device: a target, its KV cache, and maybe a draft model with its own.
///
/// The engine owns the context `tokens[0..len]`. The target's cache always covers `tokens[0..len - 1]`: the last
/// token is read by the next round.
#[allow(async_fn_in_trait, reason = "single-threaded in the browser: the futures need not be Send")]
pub trait Engine {
    /// What can go wrong: what no round can serve, and what the device adds.
    type Error: std::error::Error + From<Error>;
    /// A loaded draft model.
    type Draft;

    /// What it runs on.
    fn info(&self) -> EngineInfo;
    /// The target's hyper-parameters.
    fn config(&self) -> &Config;
    /// Positions of the KV cache.
    fn capacity(&self) -> usize;
    /// Most tokens that a round can verify.
    fn max_proposal(&self) -> usize;
    /// Whether a draft model is loaded.
    fn has_draft(&self) -> bool;
    /// Whether it verifies proposals that branch.
    fn branches(&self) -> bool {
        false
    }
    /// Whether it can verify sampled text so: on the host always, elsewhere where there is a kernel.
    fn verifies(&self, _verifier: &verify::Spec) -> bool {
        true
    }
    /// Work so far.
    fn counters(&self) -> Counters;
    /// Memory in use on the device.
    fn memory(&self) -> MemoryUse;
    /// Tokens in the context, as far as rounds have been collected.
    fn len(&self) -> usize;
    /// Whether the context is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The time in milliseconds, by a clock that never goes back: the machine's own, unless time is simulated.
    fn now_ms(&self) -> f64 {
        super::now_ms()
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
    /// Forgets all but the first `len` tokens, once the rounds in flight are through.
    async fn truncate(&mut self, len: usize) -> Result<(), Self::Error>;
    /// Appends prompt tokens and fills the caches (target and draft) up to the last token, which the next round reads.
    ///
    /// # Errors
    /// As [`check_growth`](super::check_growth).
    async fn append(&mut self, tokens: &[u32]) -> Result<(), Self::Error>;
    /// The rules of the rounds from now on, which end at `limit` tokens of context, prompt and answer together. Random
    /// counters start anew. Nothing may be in flight.
    ///
    /// # Errors
    /// As [`check_rules`](super::check_rules).
    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), Self::Error>;
    /// Proposes with another draft model from now on, also where there was none. What the one before had read is forgotten,
    /// and the new one reads the context; the rules and the context stay. Where it reads other states of the target, the
    /// target reads the context again, too. Nothing may be in flight.
    ///
    /// # Errors
    /// As [`check_fit`](super::check_fit), and what there is no room for: the one before then proposes on.
    async fn replace_draft(&mut self, draft: Self::Draft) -> Result<(), Self::Error>;
    /// Whether a round of `proposal` can be submitted now, behind those in flight.
    fn ready(&self, proposal: &Proposal) -> bool;
    /// Begins a round: proposes, verifies, commits. Callers ask [`ready`](Self::ready) first.
    ///
    /// # Errors
    /// As [`admit`](super::admit).
    fn submit(&mut self, proposal: Proposal) -> Result<(), Self::Error>;
    /// What the oldest round in flight did; nothing without one. Dropping the future while it waits loses nothing.
    ///
    /// # Errors
    /// [`Error::Numerics`] where the target computed no number to decide by.
    async fn collect(&mut self) -> Result<Outcome, Self::Error>;
}
