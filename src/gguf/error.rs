//! What can be wrong with a GGUF file.

use super::foreign::{self, BIG_ENDIAN};
use super::{Format, split};

/// A file that is not the GGUF file it claims to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes could not be read.
    #[error(transparent)]
    Source(#[from] crate::source::Error),
    /// The first four bytes are not `GGUF`. Holds up to 64 of them, which tell what the file is.
    #[error("{}", foreign::describe(.0))]
    Magic(Vec<u8>),
    /// The file's numbers have their bytes the other way round.
    #[error("{}", BIG_ENDIAN)]
    BigEndian,
    /// A version that we do not read.
    #[error("GGUF version {} is not supported, only 2 and 3; {}", .0, version(*.0))]
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
    #[error("the header is corrupt: {0}; download the file again, or use another one")]
    Header(String),
    /// A metadata key that is needed is not there.
    #[error(
        "metadata {key} is missing, where {expected} is needed; this is not a complete model file, use another one"
    )]
    Metadata {
        /// The key.
        key: String,
        /// The type it should have.
        expected: &'static str,
    },
    /// A metadata key has another type than it needs, and cannot be converted to it.
    #[error("metadata {key} is {found}, not {expected}; convert the model again, or use another file")]
    MetadataType {
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The files are not all the parts of one model.
    #[error(transparent)]
    Split(#[from] split::SplitError),
    /// One of the above, in one of several files.
    #[error("{file}: {error}")]
    InFile {
        /// Which file.
        file: String,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A tensor format that we do not read.
    #[error(
        "tensor {tensor} is stored as {}, which is not supported; use a file in one of {supported}, such as a Q4_K_M",
        Format::name_of(*id)
    )]
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
    /// Says that the error is about `file`. Sources name their own files.
    pub(super) fn in_file(self, file: &str) -> Self {
        match self {
            Self::Source(_) | Self::Split(_) | Self::InFile { .. } => self,
            error => Self::InFile { file: file.into(), error: Box::new(error) },
        }
    }

    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Source(e) => e.code(),
            Self::Magic(_) => "gguf-magic",
            Self::BigEndian => "gguf-endian",
            Self::Version(_) => "gguf-version",
            Self::Truncated { .. } => "gguf-truncated",
            Self::TooLarge { .. } => "gguf-too-large",
            Self::Header(_) => "gguf-header",
            Self::Metadata { .. } | Self::MetadataType { .. } => "gguf-metadata",
            Self::Split(_) => "gguf-split",
            Self::InFile { error, .. } => error.code(),
            Self::Format { .. } => "gguf-format",
            Self::NotFinite { .. } => "model-numerics",
        }
    }
}

/// What to do about a version.
fn version(version: u32) -> &'static str {
    match version {
        0 | 1 => "convert the original model again, with a current llama.cpp",
        4..=9 => "use a newer Paceline, or convert the model with a llama.cpp that writes version 3",
        _ => "the file is corrupt: download it again, or convert the model with a current llama.cpp",
    }
}
