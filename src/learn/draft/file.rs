//! Drafts as GGUF files: plain ones as `llama`, which any engine loads, all others in the format of
//! [`crate::model::draft`]. With the target's tokenizer and chat template, so that a mismatch is noticed.

use std::path::Path;

use super::Weights;
use crate::cpu;
use crate::gguf::{Format, Metadata, Stream, Value, Writer};
use crate::learn::{Error, Target};
use crate::model::draft::Draft;
use crate::model::{self, Config, Role};
use crate::source::{ByteSource, FileSource};
use crate::text::Tokenizer;

/// The whole file. Matrices are stored in `format`, but in F16 where their rows are not whole blocks of it; norms in F32.
///
/// # Errors
/// [`Error::Shape`] where `weights` lacks a tensor or has one of another size.
pub fn write(
    draft: &Draft,
    weights: &Weights,
    format: Format,
    name: &str,
    target: &Metadata,
) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::default();
    writer.metadata = metadata(draft, name, target);
    for (slot, tensor, shape, needed) in draft.wanted() {
        let Some(values) = weights.get(slot.layer, slot.role) else {
            if needed {
                return Err(Error::Shape(format!("the draft has no {tensor}")));
            }
            continue;
        };
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Shape(format!(
                "{tensor} has {} values where {shape:?} is needed",
                values.len()
            )));
        }
        let whole = shape[0].is_multiple_of(format.spec().block_len);
        let format = match shape.len() {
            1 => Format::F32,
            _ if whole => format,
            _ => Format::F16,
        };
        writer.tensor_f32(tensor, &shape, format, values);
    }
    Ok(writer.finish())
}

fn metadata(draft: &Draft, name: &str, target: &Metadata) -> Metadata {
    let mut metadata = Metadata::default();
    draft.write(&mut metadata);
    if draft.is_plain() {
        // An ordinary llama has the same keys under its own name, and none of ours.
        metadata.0.retain(|(key, _)| !key.starts_with("paceline.draft."));
        for (key, _) in &mut metadata.0 {
            *key = key.replacen(model::draft::ARCHITECTURE, "llama", 1);
        }
        metadata.set("general.architecture", Value::String("llama".into()));
    }
    metadata.set("general.name", Value::String(name.into()));
    let tokenizer = target.0.iter().filter(|(key, _)| key.starts_with("tokenizer."));
    metadata.0.extend(tokenizer.cloned());
    metadata
}

/// A draft from a file, whatever of the two kinds it is.
///
/// # Errors
/// What can be wrong with the file; [`crate::Error::TokenizerMismatch`] where it was made for another tokenizer.
pub async fn read<S: ByteSource>(source: S, target: &Target) -> Result<(Draft, Weights), crate::Error> {
    read_shards(vec![source], target).await
}

/// As [`read`], from all files of a draft, in any order.
///
/// # Errors
/// As [`read`].
pub async fn read_shards<S: ByteSource>(
    sources: Vec<S>,
    target: &Target,
) -> Result<(Draft, Weights), crate::Error> {
    let mut stream = Stream::open_shards(sources).await?;
    let header = stream.header();
    Tokenizer::from_metadata(&header.metadata)?
        .compatible(&target.tokenizer)
        .map_err(crate::Error::TokenizerMismatch)?;
    let draft = describe(header, target.model.config())?;
    let weights = Weights::read(&mut stream, &draft.slots, |_| true).await?;
    Ok((draft, weights))
}

/// As [`read`], from a path.
///
/// # Errors
/// As [`read`].
pub fn open(path: &Path, target: &Target) -> Result<(Draft, Weights), crate::Error> {
    pollster::block_on(read(FileSource::open(path)?, target)).map_err(crate::Error::of_draft)
}

/// A draft from a file, for the CPU engine: ready to run beside `target`, for texts of at most `capacity` tokens.
///
/// # Errors
/// As [`read`]; [`crate::Error::DraftMismatch`] where it does not fit the target.
pub async fn load<S: ByteSource>(
    source: S,
    target: &Target,
    capacity: usize,
) -> Result<(cpu::Draft, Draft), crate::Error> {
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
) -> Result<(cpu::Draft, Draft), crate::Error> {
    let mut stream = Stream::open_shards(sources).await?;
    let header = stream.header();
    Tokenizer::from_metadata(&header.metadata)?
        .compatible(&target.tokenizer)
        .map_err(crate::Error::TokenizerMismatch)?;
    let draft = describe(header, target.model.config())?;
    let draft = draft.beside(target.model.config()).map_err(crate::Error::DraftMismatch)?;
    let capacity = capacity.min(draft.config.context);
    Ok((cpu::Draft::load(&mut stream, &draft, &target.model, capacity).await?, draft))
}

/// What a header says about a draft that can learn.
///
/// # Errors
/// What can be wrong with it.
pub fn describe(header: &crate::gguf::Header, target: &Config) -> Result<Draft, crate::Error> {
    let draft = Draft::describe(header, target)?;
    let family = draft.config.family.name;
    if family != "llama" {
        return Err(Error::Shape(format!("a draft that learns is a llama, not a {family}")).into());
    }
    if draft.tensor(None, Role::RopeFactors).is_some() {
        return Err(Error::Shape("a draft that learns has no rope factors".into()).into());
    }
    if let Some(slot) = draft.slots.iter().flatten().find(|slot| slot.role.is_bias()) {
        return Err(
            Error::Shape(format!("a draft that learns has no biases, and this one has {slot:?}")).into()
        );
    }
    Ok(draft)
}
