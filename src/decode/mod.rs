//! Speculative decoding: drafters propose, an [`Engine`] verifies a round at a time, a [`Generator`] drives it.

mod engine;

pub use engine::{Counters, Engine, EngineInfo, Proposal, Round};

/// A request that cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The prompt does not fit.
    #[error(
        "the prompt has {tokens} tokens and the context holds {capacity}; shorten it or load with a longer context"
    )]
    PromptTooLong {
        /// Tokens in the prompt.
        tokens: usize,
        /// Positions of the KV cache.
        capacity: usize,
    },
    /// Nothing to continue.
    #[error("the prompt is empty; give at least one token")]
    EmptyPrompt,
    /// The draft's tokenizer is not the target's.
    #[error("the draft has another tokenizer than the target ({0}); use a draft made for this target")]
    TokenizerMismatch(String),
    /// A draft was asked for and none is loaded.
    #[error("no draft model is loaded; load one, or use the n-gram drafter")]
    NoDraft,
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PromptTooLong { .. } => "prompt-too-long",
            Self::EmptyPrompt => "prompt-empty",
            Self::TokenizerMismatch(_) => "draft-tokenizer",
            Self::NoDraft => "draft-missing",
        }
    }
}
