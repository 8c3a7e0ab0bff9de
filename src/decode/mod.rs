//! Speculative decoding: drafters propose, an [`Engine`] verifies a round at a time, a [`Generator`] drives it.

mod controller;
pub mod drafter;
mod engine;
pub mod engines;
mod generate;
pub mod replay;
mod stats;
pub mod verifier;

pub use controller::Gamma;
pub use drafter::Drafter;
pub use engine::{Counters, Engine, EngineInfo, Proposal, Round, Rules};
pub use engines::{AnyEngine, CpuEngine, GpuEngine};
pub use generate::{Event, FinishReason, Generator, Options, PREFILL_CHUNK};
pub use stats::Stats;
pub use verifier::{SamplingVerifier, Verifier};

/// A request that cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The prompt does not fit.
    #[error(
        "the prompt has {tokens} tokens and the context holds {capacity}, one of them for the answer; \
         shorten it or load with a longer context"
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
    /// The draft was made for a target of another shape.
    #[error("the draft does not fit the target ({0}); use a draft made for this target")]
    DraftMismatch(String),
    /// More stop tokens than the kernels have room for.
    #[error("there are {stops} stop tokens and may be {limit}; leave out those that this model never says", limit = crate::sampling::MAX_STOPS)]
    TooManyStops {
        /// Stop tokens given.
        stops: usize,
    },
    /// A draft was asked for and none is loaded.
    #[error("no draft model is loaded; load one, or use the n-gram drafter")]
    NoDraft,
    /// A token id that the target does not have.
    #[error(
        "token id {id} is beyond the {vocab} ids that the target reads; encode the prompt with the target's tokenizer, and \
         where that has more tokens than the target, leave the token's text out"
    )]
    TokenRange {
        /// The id.
        id: u32,
        /// Token ids that the target reads.
        vocab: usize,
    },
    /// No drafter of that name.
    #[error("there is no drafter {name:?}; use one of {known}")]
    UnknownDrafter {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// No verifier of that name.
    #[error("there is no verifier {name:?}; use one of {known}")]
    UnknownVerifier {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Sampling that means nothing.
    #[error(transparent)]
    Sampling(#[from] crate::sampling::Error),
    /// No device of that name.
    #[error("there is no device {0:?}; use auto, webgpu or cpu")]
    UnknownDevice(String),
    /// Logits that are no numbers: the weights are finite, what is computed of them is not.
    #[error(
        "the model computes no finite number behind {tokens} tokens of context: its weights overflow, or the biases and \
         penalties asked for do; use another file of it, in another format"
    )]
    Numerics {
        /// Tokens that the faulty row predicts from.
        tokens: usize,
    },
    /// A step without a generation.
    #[error("no generation is under way, or it failed; start one first")]
    NotStarted,
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PromptTooLong { .. } => "prompt-too-long",
            Self::EmptyPrompt => "prompt-empty",
            Self::TokenizerMismatch(_) => "draft-tokenizer",
            Self::DraftMismatch(_) => "draft-mismatch",
            Self::TooManyStops { .. } => "stops-too-many",
            Self::NoDraft => "draft-missing",
            Self::TokenRange { .. } => "token-range",
            Self::UnknownDrafter { .. } => "drafter-unknown",
            Self::UnknownVerifier { .. } => "verifier-unknown",
            Self::Sampling(e) => e.code(),
            Self::UnknownDevice(_) => "device-unknown",
            Self::Numerics { .. } => "model-numerics",
            Self::NotStarted => "not-started",
        }
    }
}
