//! What can be wrong with a GGUF file.

/// A file that is not the GGUF file it claims to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes could not be read.
    #[error(transparent)]
    Source(#[from] crate::source::Error),
    /// The first four bytes are not `GGUF`.
    #[error("this is not a GGUF file (it begins with \"{}\"); choose a file that ends in .gguf", .0.escape_ascii())]
    Magic([u8; 4]),
    /// A version that we do not read.
    #[error("GGUF version {0} is not supported, only 2 and 3; convert the file with a current llama.cpp")]
    Version(u32),
    /// The file ends too early.
    #[error("the file ends inside {within}; it is truncated, download it again")]
    Truncated {
        /// What was being read.
        within: String,
    },
    /// A count or length no honest file has.
    #[error("{what} is {value}, more than the limit of {limit}; the file is corrupt, download it again")]
    TooLarge {
        /// Which count.
        what: String,
        /// Its value in the file.
        value: u64,
        /// Our limit.
        limit: u64,
    },
    /// The header contradicts itself.
    #[error("the header is corrupt: {0}; download the file again")]
    Header(String),
    /// A metadata key that is needed is not there, or has another type.
    #[error("metadata {key} is missing or is not {expected}; this is not a complete model file")]
    Metadata {
        /// The key.
        key: String,
        /// The type it should have.
        expected: &'static str,
    },
    /// A tensor format that we do not read.
    #[error("tensor {tensor} has the unsupported format {id}; use a file in one of {supported}")]
    Format {
        /// The tensor's name.
        tensor: String,
        /// ggml's number for the format.
        id: u32,
        /// The formats that we read.
        supported: String,
    },
    /// A weight that is no number.
    #[error(
        "row {row} of tensor {tensor} has a weight that is NaN or infinite; the model was trained or converted wrongly, \
         use another file of it"
    )]
    NotFinite {
        /// The tensor's name.
        tensor: String,
        /// Which of its rows.
        row: usize,
    },
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Source(e) => e.code(),
            Self::Magic(_) => "gguf-magic",
            Self::Version(_) => "gguf-version",
            Self::Truncated { .. } => "gguf-truncated",
            Self::TooLarge { .. } => "gguf-too-large",
            Self::Header(_) => "gguf-header",
            Self::Metadata { .. } => "gguf-metadata",
            Self::Format { .. } => "gguf-format",
            Self::NotFinite { .. } => "model-numerics",
        }
    }
}
