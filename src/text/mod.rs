//! Text in and out: the tokenizer and the chat template that a GGUF file carries, and streaming decode.

mod byte_level;
mod chat;
mod ends_of_turn;
#[cfg(test)]
mod fixture;
mod fnv;
mod integers;
mod jinja;
mod models;
mod pre_tokenizers;
mod special;
mod stream;
mod strftime;
#[cfg(any(test, feature = "rigs"))]
pub mod tiny;
mod tokenizer;
mod vocabulary;

pub use chat::{ChatTemplate, Message};
pub use stream::TextStream;
pub use tokenizer::Tokenizer;

/// What can be wrong with a file's tokenizer or chat template.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A metadata key is missing.
    #[error(transparent)]
    Metadata(#[from] crate::gguf::Error),
    /// A tokenizer model or pre-tokenizer that we do not build.
    #[error("{what} {name:?} is not supported; use a model with one of {supported}")]
    Unsupported {
        /// `tokenizer model` or `pre-tokenizer`.
        what: &'static str,
        /// Its name in the file.
        name: String,
        /// What we do build.
        supported: String,
    },
    /// The tokenizer's data contradicts itself.
    #[error("the tokenizer cannot be built: {0}; the file is corrupt or incomplete, download it again")]
    Tokenizer(String),
    /// A text that the tokenizer cannot take.
    #[error("the text cannot be tokenized: {0}")]
    Encode(String),
    /// The file has no chat template.
    #[error("the file has no chat template; use a plain prompt instead of a chat")]
    NoTemplate,
    /// The template failed on these messages.
    #[error("the file's chat template failed: {0}")]
    Template(String),
}

impl Error {
    /// What a template failed on, once more: it is kept for all who ask for the template.
    pub(crate) fn of_template(&self) -> Self {
        match self {
            Self::NoTemplate => Self::NoTemplate,
            Self::Template(words) => Self::Template(words.clone()),
            other => Self::Template(other.to_string()),
        }
    }

    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Metadata(e) => e.code(),
            Self::Unsupported { .. } => "tokenizer-unsupported",
            Self::Tokenizer(_) => "tokenizer-corrupt",
            Self::Encode(_) => "text-rejected",
            Self::NoTemplate => "template-missing",
            Self::Template(_) => "template-failed",
        }
    }
}
