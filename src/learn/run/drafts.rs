//! Drafts from files.

use std::path::Path;

use super::error::Error;
use super::target::Target;
use crate::cpu;
use crate::gguf::{Header, Stream};
use crate::learn::core::draft::{Weights, file};
use crate::model::draft::Draft;
use crate::source::{ByteSource, FileSource};
use crate::text::Tokenizer;

/// A draft from a file, whatever of the two kinds it is.
///
/// # Errors
/// What can be wrong with the file; [`crate::Error::TokenizerMismatch`] where it was made for another tokenizer.
pub async fn read<S: ByteSource>(source: S, target: &Target) -> Result<(Draft, Weights), Error> {
    read_shards(vec![source], target).await
}

/// As [`read`], from all files of a draft, in any order.
///
/// # Errors
/// As [`read`].
pub async fn read_shards<S: ByteSource>(sources: Vec<S>, target: &Target) -> Result<(Draft, Weights), Error> {
    let mut stream = Stream::open_shards(sources).await?;
    belongs(stream.header(), target)?;
    Ok(file::read(&mut stream, target.model.config()).await?)
}

/// As [`read`], from a path.
///
/// # Errors
/// As [`read`].
pub fn open(path: &Path, target: &Target) -> Result<(Draft, Weights), Error> {
    pollster::block_on(read(FileSource::open(path)?, target)).map_err(Error::of_draft)
}

/// A draft from a file, for the CPU engine: ready to run beside `target`, for texts of at most `capacity` tokens.
///
/// # Errors
/// As [`read`]; [`round::Error::DraftMismatch`](crate::round::Error::DraftMismatch) where it does not fit the target.
pub async fn load<S: ByteSource>(
    source: S,
    target: &Target,
    capacity: usize,
) -> Result<(cpu::Draft, Draft), Error> {
    load_shards(vec![source], target, capacity).await
}

/// As [`load`], from all files of a draft, in any order.
///
/// # Errors
/// As [`load`].
pub async fn load_shards<S: ByteSource>(
    sources: Vec<S>,
    target: &Target,
    capacity: usize,
) -> Result<(cpu::Draft, Draft), Error> {
    let mut stream = Stream::open_shards(sources).await?;
    belongs(stream.header(), target)?;
    let draft = file::describe(stream.header(), target.model.config())?;
    let draft = draft.beside(target.model.config()).map_err(crate::round::Error::DraftMismatch)?;
    let capacity = capacity.min(draft.config.context);
    Ok((cpu::Draft::load(&mut stream, &draft, &target.model, capacity).await?, draft))
}

/// Whether ids mean the same to a file and to `target`.
fn belongs(header: &Header, target: &Target) -> Result<(), Error> {
    let tokenizer = Tokenizer::from_metadata(&header.metadata)?;
    Ok(tokenizer.compatible(&target.tokenizer).map_err(crate::Error::TokenizerMismatch)?)
}
