//! What can go wrong around a draft that learns: files, folders and what stands in them.

use std::path::{Path, PathBuf};

use crate::learn::core;

/// A failure of data, training or evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// A file of prompts or texts that is not what its name says.
    #[error("{}, line {line}: {why}", path.display())]
    Prompts {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A file without anything to learn from.
    #[error("{}: there is nothing to learn from in it", .0.display())]
    Empty(PathBuf),
    /// A shard of samples that cannot be used.
    #[error("{}: {why}; delete it and collect again", path.display())]
    Shard {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Samples, a draft and a target that do not belong together.
    #[error("{what} was made for another tokenizer than the target's; use what was made for this target")]
    Tokenizer {
        /// What does not fit.
        what: String,
    },
    /// A run folder whose parts contradict each other or the command line.
    #[error("{}: {why}", path.display())]
    Run {
        /// The folder or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The loss or its gradient is no longer a number.
    #[error("the {what} is {value} at step {step}: lower --lr and resume from the last checkpoint")]
    Diverged {
        /// The optimizer's step.
        step: usize,
        /// What is no number.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// Learning itself failed.
    #[error(transparent)]
    Core(core::Error),
    /// A file cannot be loaded, or the engine failed.
    #[error(transparent)]
    Engine(crate::Error),
    /// One of the above, in the draft's file.
    #[error("the draft cannot be loaded: {0}")]
    Draft(Box<Error>),
}

/// Whatever the crate's error wraps.
impl<E> From<E> for Error
where
    crate::Error: From<E>,
{
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl From<core::Error> for Error {
    fn from(error: core::Error) -> Self {
        match error {
            core::Error::Diverged { step, what, value } => Self::Diverged { step, what, value },
            error => Self::Core(error),
        }
    }
}

impl Error {
    /// Says that `error` is about the draft's file.
    pub fn of_draft(error: impl Into<Self>) -> Self {
        Self::Draft(Box::new(error.into()))
    }

    /// An [`Error::Io`] about `path`, for `map_err`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |error| Self::Io { path: path.into(), error }
    }

    /// An error about the shapes of what was given.
    pub(in crate::learn::run) fn shape(why: impl Into<String>) -> Self {
        Self::Core(core::Error::Shape(why.into()))
    }

    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "learn-io",
            Self::Prompts { .. } => "learn-prompts",
            Self::Empty(_) => "learn-empty",
            Self::Shard { .. } => "learn-shard",
            Self::Tokenizer { .. } => "learn-tokenizer",
            Self::Run { .. } => "learn-run",
            Self::Diverged { .. } => "learn-diverged",
            Self::Core(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::Draft(error) => error.code(),
        }
    }
}
