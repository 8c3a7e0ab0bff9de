//! What cannot be asked of an engine.

use crate::{sampling, verify};

/// A request that no round can serve.
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
    /// More stop tokens than the kernels have room for.
    #[error("there are {stops} stop tokens and may be {limit}; leave out those that this model never says", limit = sampling::MAX_STOPS)]
    TooManyStops {
        /// Stop tokens given.
        stops: usize,
    },
    /// A draft was asked for and none is loaded.
    #[error("no draft model is loaded; load one, or use the n-gram drafter")]
    NoDraft,
    /// The draft was made for another target.
    #[error("the draft does not fit the target ({0}); use a draft made for this target")]
    DraftMismatch(String),
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
    /// Sampling that means nothing.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
    /// A verifier that the device has no kernel for. Another in its place would be another experiment.
    #[error("the GPU has no kernel for the verifier {name:?}; use one of {known}, or the CPU device", known = verify::with_kernel())]
    VerifierKernel {
        /// The verifier.
        name: &'static str,
    },
    /// A proposal that branches.
    #[error(
        "the proposal branches, and this device verifies chains; propose one token behind the other, or use the CPU device"
    )]
    ProposalTree,
    /// A verifier that judges chains alone.
    #[error("the proposal branches, and {name:?} verifies chains; use one of {known}", known = verify::with_trees())]
    VerifierTree {
        /// The verifier, or the kind of lenience.
        name: &'static str,
    },
    /// A tree that no round can verify.
    #[error(
        "a tree of {shape:?} cannot be proposed; give the children of a node for each level, such as 2,2,1, together at most \
         {most} tokens",
        most = super::MAX_ROWS - 1
    )]
    ProposalShape {
        /// What was asked for.
        shape: String,
    },
    /// A proposal whose nodes are in no order.
    #[error(
        "the proposal needs a parent for each token, none or the place of one before it; list parents before their children"
    )]
    ProposalParents,
    /// Logits that are no numbers: the weights are finite, what is computed of them is not.
    #[error(
        "the model computes no finite number behind {tokens} tokens of context: its weights overflow, or the biases and \
         penalties asked for do; use another file of it, in another format"
    )]
    Numerics {
        /// Tokens that the faulty row predicts from.
        tokens: usize,
    },
    /// No memory for the text to grow into.
    #[error(
        "there is no memory for a context of {tokens} tokens; shorten the prompt, free another engine, or load with a KV cache \
         of f16 or a smaller model"
    )]
    OutOfMemory {
        /// Tokens of context that were to be.
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
            Self::TooManyStops { .. } => "stops-too-many",
            Self::NoDraft => "draft-missing",
            Self::DraftMismatch(_) => "draft-mismatch",
            Self::TokenRange { .. } => "token-range",
            Self::Sampling(e) => e.code(),
            Self::VerifierKernel { .. } => "verifier-kernel",
            Self::ProposalTree => "proposal-tree",
            Self::VerifierTree { .. } => "verifier-tree",
            Self::ProposalShape { .. } => "proposal-shape",
            Self::ProposalParents => "proposal-parents",
            Self::Numerics { .. } => "model-numerics",
            Self::OutOfMemory { .. } => "memory-full",
            Self::NotStarted => "not-started",
        }
    }
}
