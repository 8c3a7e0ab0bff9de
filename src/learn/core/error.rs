//! What can go wrong while a draft learns.

use crate::{gguf, model};

/// A failure of learning itself: nothing here knows of files, runs or a command line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Samples, a draft and a target of different shapes.
    #[error("{0}")]
    Shape(String),
    /// No divergence, strategy, architecture, optimizer or device of that name.
    #[error("there is no {what} {name:?}; use one of {known}")]
    Unknown {
        /// What was asked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The loss or its gradient is no longer a number. The weights are those before the step.
    #[error("the {what} is {value} at step {step}: lower the learning rate")]
    Diverged {
        /// The optimizer's step.
        step: usize,
        /// What is no number: the loss, or the norm of its gradient.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// A saved state that cannot be read, or is of another draft or optimizer.
    #[error("{0}")]
    State(String),
    /// A draft's file that cannot be read.
    #[error(transparent)]
    Gguf(#[from] gguf::Error),
    /// A draft's file that describes none.
    #[error(transparent)]
    Model(#[from] model::Error),
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape(_) => "learn-shape",
            Self::Unknown { .. } => "learn-unknown",
            Self::Diverged { .. } => "learn-diverged",
            Self::State(_) => "learn-state",
            Self::Gguf(error) => error.code(),
            Self::Model(error) => error.code(),
        }
    }
}
