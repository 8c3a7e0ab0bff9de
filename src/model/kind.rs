//! What a file is that holds no model that we run, in its own words.

use super::family::{FAMILIES, Family};
use super::{Error, Role};
use crate::gguf::{Format, Header};

/// `general.architecture` of a draft that is not a model.
pub(super) const DRAFT: &str = "paceline-draft";

/// Architectures that make no text, and what they make instead.
#[rustfmt::skip]
static NO_TEXT: [(&str, &str); 12] = [
    ("bert", EMBEDDINGS),
    ("clip", "it is the part of a model that sees or hears (mmproj), not the one that speaks"),
    ("eurobert", EMBEDDINGS),
    ("gemma-embedding", EMBEDDINGS),
    ("jina-bert-v2", EMBEDDINGS),
    ("jina-bert-v3", EMBEDDINGS),
    ("llama-embed", EMBEDDINGS),
    ("modern-bert", EMBEDDINGS),
    ("neo-bert", EMBEDDINGS),
    ("nomic-bert", EMBEDDINGS),
    ("nomic-bert-moe", EMBEDDINGS),
    ("wavtokenizer-dec", "it makes sound"),
];

const EMBEDDINGS: &str = "it makes embeddings and no text";

/// Parts of the names of tensors that only mixtures of experts have.
const OF_EXPERTS: [&str; 5] = [".ffn_gate_inp.", "_exps.", ".ffn_gate.0.", ".ffn_up.0.", ".ffn_down.0."];

/// The family of the model in a file, once nothing says that there is none.
pub(super) fn family(header: &Header) -> Result<&'static Family, Error> {
    let metadata = &header.metadata;
    let kind = metadata.label("general.type");
    if kind == "adapter"
        || metadata.get("adapter.type").is_some()
        || header.tensors.iter().any(|t| t.name.ends_with(".lora_a"))
    {
        return Err(Error::Adapter);
    }
    if kind == "imatrix" || metadata.get("imatrix.chunk_count").is_some() {
        return Err(Error::ImportanceMatrix);
    }
    let name = metadata.require_string("general.architecture")?;
    if name == DRAFT {
        return Err(Error::IsDraft);
    }
    let experts = format!("{name}.expert_count");
    let count = metadata.optional_uint(&experts)?.filter(|count| *count > 0);
    let family = Family::by_name(name).ok_or_else(|| {
        let no_text = NO_TEXT.iter().find(|(other, _)| *other == name).map(|(_, why)| *why);
        let why = no_text.or(count.map(|_| "it is a mixture of experts, and only dense models run"));
        let supported = FAMILIES.iter().map(|f| f.name).collect::<Vec<_>>().join(", ");
        Error::Architecture { name: name.into(), why, supported }
    })?;
    if header.tensors.is_empty() {
        return Err(Error::VocabularyOnly);
    }
    if let Some(count) = count {
        return Err(Error::Experts(format!("{experts} is {count}")));
    }
    let fuses = family.tensors.iter().any(|(role, _)| *role == Role::Qkv);
    for tensor in &header.tensors {
        if OF_EXPERTS.iter().any(|part| tensor.name.contains(part)) {
            return Err(Error::Experts(format!("it has the tensor {}", tensor.name)));
        }
        if !fuses && (tensor.name.ends_with(".attn_qkv.weight") || tensor.name.ends_with(".attn_qkv.bias")) {
            return Err(Error::FusedTensor(tensor.name.clone()));
        }
    }
    check_quantization(header)?;
    Ok(family)
}

/// Quantized blocks have another layout in other versions.
fn check_quantization(header: &Header) -> Result<(), Error> {
    const KEY: &str = "general.quantization_version";
    let quantized = |format: Format| !matches!(format, Format::F32 | Format::F16 | Format::BF16);
    match header.metadata.optional_uint(KEY)? {
        Some(version) if version != 2 && header.tensors.iter().any(|t| quantized(t.format)) => {
            Err(Error::Feature {
                key: KEY.into(),
                value: version.to_string(),
                means: "quantized blocks of another layout than that of version 2",
            })
        }
        _ => Ok(()),
    }
}
