//! What a step of a generation did.

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// A stop token came.
    Stop,
    /// `max_tokens` were generated.
    Length,
    /// The context is full.
    Context,
}

impl FinishReason {
    /// Its name in JSON: `stop`, `length` or `context`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Context => "context",
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Read some of the prompt.
    Prefill {
        /// Prompt tokens read so far, those still cached among them.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// Decoded one round.
    Tokens {
        /// The new tokens, at least one. A stop token is the last one.
        tokens: Vec<u32>,
        /// How many of them were proposed and accepted: the first ones.
        accepted: usize,
        /// How many had been proposed.
        drafted: usize,
        /// Log-probability of each, where the options ask for it; otherwise none.
        logprobs: Vec<f32>,
        /// Whether the last one is a stop token: it counts among the ids, but is no part of the text.
        stopped: bool,
    },
    /// Nothing more will come.
    Finished(FinishReason),
}
