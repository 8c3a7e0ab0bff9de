//! The crate's error: one variant a stage, each with the stage's own typed error inside.

/// Anything that can go wrong between the first byte of a file and the last token of a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The byte source failed or was aborted.
    #[error(transparent)]
    Source(#[from] crate::source::Error),
    /// The file is not a GGUF file that we can read.
    #[error(transparent)]
    Gguf(#[from] crate::gguf::Error),
    /// The file's tokenizer or chat template cannot be used.
    #[error(transparent)]
    Text(#[from] crate::text::Error),
    /// The file describes a model that we cannot run.
    #[error(transparent)]
    Model(#[from] crate::model::Error),
    /// The GPU refused, is too small or was lost.
    #[error(transparent)]
    Gpu(crate::gpu::Error),
    /// The request cannot be decoded (prompt too long, no draft loaded ...).
    #[error(transparent)]
    Round(#[from] crate::round::Error),
    /// No drafter of that name.
    #[error(transparent)]
    Drafter(#[from] crate::drafters::Unknown),
    /// No verifier of that name.
    #[error(transparent)]
    Verifier(#[from] crate::verify::Unknown),
    /// No device of that name.
    #[error("there is no device {0:?}; use auto, webgpu or cpu")]
    UnknownDevice(String),
    /// No KV cache of that name.
    #[error(transparent)]
    CacheType(#[from] crate::model::UnknownCacheType),
    /// The draft's tokenizer is not the target's.
    #[error("the draft has another tokenizer than the target ({0}); use a draft made for this target")]
    TokenizerMismatch(String),
    /// One of the above, in the draft's file.
    #[error("the draft cannot be loaded: {0}")]
    Draft(Box<Error>),
}

impl Error {
    /// Says that `error` is about the draft's file.
    pub fn of_draft(error: impl Into<Self>) -> Self {
        Self::Draft(Box::new(error.into()))
    }

    /// A stable, machine-readable name, the `code` of the JavaScript `PacelineError`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Source(e) => e.code(),
            Self::Gguf(e) => e.code(),
            Self::Text(e) => e.code(),
            Self::Model(e) => e.code(),
            Self::Gpu(e) => e.code(),
            Self::Round(e) => e.code(),
            Self::Drafter(e) => e.code(),
            Self::Verifier(e) => e.code(),
            Self::UnknownDevice(_) => "device-unknown",
            Self::CacheType(_) => "kv-cache-unknown",
            Self::TokenizerMismatch(_) => "draft-tokenizer",
            Self::Draft(e) => e.code(),
        }
    }
}

/// What no round can serve is the same on every device.
impl From<crate::gpu::Error> for Error {
    fn from(error: crate::gpu::Error) -> Self {
        match error {
            crate::gpu::Error::Round(error) => Self::Round(error),
            error => Self::Gpu(error),
        }
    }
}
