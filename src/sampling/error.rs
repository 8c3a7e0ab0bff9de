//! What cannot be asked of a sampler.

use super::limits::MAX_BIAS;

/// A law that means nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number that means nothing.
    #[error("{parameter} is {value}; it must be {allowed}")]
    Range {
        /// The field.
        parameter: &'static str,
        /// Its value.
        value: f32,
        /// What it may be.
        allowed: &'static str,
    },
    /// More biases than the kernels have room for.
    #[error("logit_bias has {entries} entries and may have {limit}; leave out the smallest ones", limit = MAX_BIAS)]
    TooManyBiases {
        /// Entries given.
        entries: usize,
    },
    /// A bias on a token that the target does not predict.
    #[error("logit_bias names token id {id}, which is not below the target's {vocab}; leave it out")]
    BiasRange {
        /// The id.
        id: u32,
        /// Token ids that the target predicts.
        vocab: usize,
    },
    /// Two biases on one token.
    #[error("logit_bias names token id {id} twice; add the two values up")]
    BiasTwice {
        /// The id.
        id: u32,
    },
    /// Lenience that needs probabilities where there are none.
    #[error("lossy: exponential needs a temperature above 0; use linear or square")]
    GreedyExponential,
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Range { .. } => "sampling-range",
            Self::TooManyBiases { .. } => "logit-bias-too-many",
            Self::BiasRange { .. } => "logit-bias-range",
            Self::BiasTwice { .. } => "logit-bias-twice",
            Self::GreedyExponential => "sampling-range",
        }
    }
}
