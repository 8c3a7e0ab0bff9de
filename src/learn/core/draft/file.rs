//! Drafts as GGUF files: plain ones as `llama`, which any engine loads, all others in the format of
//! [`crate::model::draft`]. With the target's tokenizer and chat template, so that a mismatch is noticed.

use super::weights::Weights;
use crate::gguf::{Format, Header, Metadata, Stream, Value, Writer};
use crate::learn::core::error::Error;
use crate::model::draft::Draft;
use crate::model::{self, Config, Role, Wanted};
use crate::source::ByteSource;

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
    for Wanted { slot, name: tensor, shape, needed } in draft.wanted() {
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

/// A draft from the bytes of its file or files, whatever of the two kinds it is.
///
/// # Errors
/// [`Error::Gguf`], and what [`describe`] reports.
pub async fn read<S: ByteSource>(stream: &mut Stream<S>, target: &Config) -> Result<(Draft, Weights), Error> {
    let draft = describe(stream.header(), target)?;
    let weights = Weights::read(stream, &draft.slots, &draft.config, |_| true).await?;
    Ok((draft, weights))
}

/// What a header says about a draft that can learn.
///
/// # Errors
/// [`Error::Model`]; [`Error::Shape`] where it has what no draft learns.
pub fn describe(header: &Header, target: &Config) -> Result<Draft, Error> {
    let draft = Draft::describe(header, target)?;
    let family = draft.config.family.name;
    if family != "llama" {
        return Err(Error::Shape(format!("a draft that learns is a llama, not a {family}")));
    }
    if draft.tensor(None, Role::RopeFactors).is_some() {
        return Err(Error::Shape("a draft that learns has no rope factors".into()));
    }
    if let Some(slot) = draft.slots.iter().flatten().find(|slot| slot.role.is_bias()) {
        return Err(Error::Shape(format!("a draft that learns has no biases, and this one has {slot:?}")));
    }
    Ok(draft)
}
