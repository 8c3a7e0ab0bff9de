//! Byte-level BPE as GPT-2 does it, with the pre-tokenizers of `pre_tokenizers.rs`, by the `tokenizers` crate.

use super::{Built, Model, Rules};
use crate::gguf::Metadata;
use crate::text::Error;
use crate::text::byte_level::push_bytes;
use crate::text::pre_tokenizers::{self, PreTokenizer, Rule};
use crate::text::special::{Special, Usual};
use crate::text::vocabulary::{self, Kind, Texts, corrupt};
use std::collections::HashSet;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerImpl};

/// The crate's pipeline without its run-time dispatch, which would link every other model into the wasm.
type Pipeline = TokenizerImpl<BPE, NFC, PreTokenizer, ByteLevel, ByteLevel>;

struct ByteLevelBpe {
    pipeline: Pipeline,
    texts: Texts,
}

pub(super) fn build(metadata: &Metadata, tokens: &[String], kinds: &mut [Kind]) -> Result<Built, Error> {
    let mut warnings = Vec::new();
    let named = metadata.optional_string("tokenizer.ggml.pre")?.filter(|name| !name.is_empty());
    let (rule, add_bos) = match named.map(Rule::named).transpose()? {
        Some(rule) => (rule, rule.add_bos),
        None => {
            let architecture = metadata.optional_string("general.architecture")?.unwrap_or_default();
            let (rule, add_bos) = Rule::of_family(architecture, tokens)?;
            warnings.push(missing_pre(architecture, rule.name()));
            (rule, add_bos)
        }
    };
    let merges = metadata.require_strings("tokenizer.ggml.merges")?;
    let usual = Usual { add_bos, ..Usual::default() };
    let special =
        Special::read(metadata, tokens, kinds, usual, |candidates, _| made_by(merges, &candidates))?;

    let vocab = vocabulary::ids(tokens, kinds)?;
    let (merges, hash) = vocabulary::merges(merges, &vocab)?;
    let count = merges.len();
    let texts = vocabulary::texts(tokens, kinds, |token, kind, out| match kind {
        Kind::Normal => push_bytes(token, out),
        Kind::UserDefined => out.extend_from_slice(token.as_bytes()),
        Kind::Byte | Kind::Control | Kind::Unused => {}
    })?;

    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .ignore_merges(rule.ignore_merges)
        .build()
        .map_err(corrupt)?;
    let mut pipeline = Pipeline::new(model);
    pipeline.with_normalizer(rule.nfc.then_some(NFC)).map_err(corrupt)?;
    pipeline.with_pre_tokenizer(Some(PreTokenizer::new(rule)?));
    let added = tokens.iter().zip(kinds).filter_map(|(token, kind)| match kind {
        Kind::Control => Some(AddedToken::from(token, true)),
        Kind::UserDefined => Some(AddedToken::from(token, false).normalized(false)),
        Kind::Normal | Kind::Byte | Kind::Unused => None,
    });
    pipeline.add_tokens(added).map_err(corrupt)?;

    let rules = Rules { pre_tokenizer: rule.name(), merges: Some(count), hash, space_prefix: false };
    Ok(Built { model: Box::new(ByteLevelBpe { pipeline, texts }), rules, special, warnings })
}

impl Model for ByteLevelBpe {
    /// A byte that the vocabulary has no token for is left out, as the reference implementations do (SmolLM2 has none
    /// for some control characters).
    fn encode(&self, text: &str, _begins: bool) -> Result<Vec<u32>, Error> {
        pre_tokenizers::check_length(text)?;
        let encoding = self.pipeline.encode_fast(text, false).map_err(|e| Error::Encode(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    fn token(&self, id: u32) -> Option<String> {
        tokenizers::Model::id_to_token(self.pipeline.get_model(), id)
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.texts.get(id)
    }
}

/// Those of `candidates` that a merge makes of text, in one walk over the merges.
fn made_by<'a>(merges: &[String], candidates: &HashSet<&'a str>) -> HashSet<&'a str> {
    let mut made = String::new();
    let mut texts = HashSet::new();
    for (left, right) in merges.iter().filter_map(|merge| merge.split_once(' ')) {
        made.clear();
        made.push_str(left);
        made.push_str(right);
        texts.extend(candidates.get(made.as_str()));
    }
    texts
}

fn missing_pre(architecture: &str, taken: &str) -> String {
    let whose = if taken == "default" { "llama.cpp" } else { architecture };
    format!(
        "the file does not say how to cut text into pieces (tokenizer.ggml.pre is missing); it is read as {taken}, \
         {whose}'s own, and may answer worse than it could; convert the model anew, or use a newer file"
    )
}
