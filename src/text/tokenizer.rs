//! The tokenizer of a GGUF file, built with the `tokenizers` crate from the file's metadata.
//!
//! Byte-level BPE (`tokenizer.ggml.model` = `gpt2`) with the pre-tokenizers of `pre_tokenizers.rs`. SentencePiece
//! and WordPiece models are not built here.

use super::Error;
use super::fnv::Fnv;
use super::pre_tokenizers::{self, PreTokenizer, Rule};
use super::special::Special;
use super::vocabulary::{self, Kind, corrupt};
use crate::gguf::Metadata;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerImpl};

/// The crate's pipeline without its run-time dispatch, which would link every other model into the wasm.
type Pipeline = TokenizerImpl<BPE, NFC, PreTokenizer, ByteLevel, ByteLevel>;

/// Text to token ids and back.
pub struct Tokenizer {
    pipeline: Pipeline,
    kinds: Vec<Kind>,
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<u32>,
    /// The id that [`Tokenizer::encode`] puts in front.
    bos: Option<u32>,
    stop_ids: Vec<u32>,
    warnings: Vec<String>,
    pre_tokenizer: &'static str,
    merges: usize,
    tokens_hash: u64,
    merges_hash: u64,
}

impl Tokenizer {
    /// Builds the tokenizer that `metadata` describes (`tokenizer.ggml.*`).
    ///
    /// # Errors
    /// [`Error::Metadata`] where a key is missing or has another type, [`Error::Unsupported`] for a model or
    /// pre-tokenizer that we do not build, [`Error::Tokenizer`] where the data contradicts itself.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, Error> {
        let model = metadata.require_string("tokenizer.ggml.model")?;
        if model != "gpt2" {
            let (what, supported) = ("tokenizer model", "gpt2 (byte-level BPE)");
            return Err(Error::Unsupported { what, name: model.into(), supported });
        }
        let tokens = metadata.require_strings("tokenizer.ggml.tokens")?;
        if tokens.is_empty() {
            return Err(corrupt("the vocabulary is empty"));
        }
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
        let mut kinds = vocabulary::kinds(metadata, tokens)?;
        let Special { bos, stop_ids } = Special::read(metadata, tokens, merges, &mut kinds, add_bos)?;
        warnings.extend(Special::warning(metadata)?);

        let (vocab, tokens_hash) = vocabulary::ids(tokens, &kinds)?;
        let (merges, merges_hash) = vocabulary::merges(merges, &vocab)?;
        let merge_count = merges.len();
        let (bytes, ends) = vocabulary::bytes(tokens, &kinds)?;

        let model = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .ignore_merges(rule.ignore_merges)
            .build()
            .map_err(corrupt)?;
        let mut pipeline = Pipeline::new(model);
        pipeline.with_normalizer(rule.nfc.then_some(NFC)).map_err(corrupt)?;
        pipeline.with_pre_tokenizer(Some(PreTokenizer::new(rule)?));
        let added = tokens.iter().zip(&kinds).filter_map(|(token, kind)| match kind {
            Kind::Control => Some(AddedToken::from(token, true)),
            Kind::UserDefined => Some(AddedToken::from(token, false).normalized(false)),
            Kind::Normal | Kind::Byte | Kind::Unused => None,
        });
        pipeline.add_tokens(added).map_err(corrupt)?;

        Ok(Self {
            pipeline,
            kinds,
            bytes,
            ends,
            bos,
            stop_ids,
            warnings,
            pre_tokenizer: rule.name(),
            merges: merge_count,
            tokens_hash,
            merges_hash,
        })
    }

    /// Token ids of `text`. Special tokens written out in the text (`<|im_start|>`) become their ids;
    /// nothing is added in front or behind except the BOS token where the file asks for it (`add_bos_token`)
    /// and the text does not already begin with it, as chat templates often do.
    ///
    /// A byte that the vocabulary has no token for is left out, as the reference implementations do
    /// (SmolLM2 has none for some control characters).
    ///
    /// # Errors
    /// [`Error::Encode`] for a run of more than half a million white-space characters.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        pre_tokenizers::check_length(text)?;
        let encoding = self.pipeline.encode_fast(text, false).map_err(|e| Error::Encode(e.to_string()))?;
        let ids = encoding.get_ids();
        // One that is text may stand at the beginning for itself.
        let there = |bos: &u32| ids.first() == Some(bos) && self.kinds[*bos as usize] == Kind::Control;
        let bos = self.bos.filter(|bos| !there(bos));
        Ok(bos.into_iter().chain(ids.iter().copied()).collect())
    }

    /// The bytes of one token: not always whole characters. Special (control) tokens and ids out of range
    /// give none.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else { return &[] };
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..end as usize]
    }

    /// Text of `ids`, special tokens left out, invalid UTF-8 replaced.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.token_bytes(id)).copied().collect();
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> usize {
        self.kinds.len()
    }

    /// The ids that end a generation, ascending: those that the file names (`eos`, `eot`, `eom` and their like), and
    /// the tokens whose text ends a turn in one family or another, whatever type the file gives them.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// What a user should know about how the file was understood, in sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Two tokenizers with equal fingerprints give equal ids for every text: a hash over the pre-tokenizer's
    /// name, tokens, types, merges and the BOS token that is put in front. The same in every build and on
    /// every machine.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv::new();
        hash.field(self.pre_tokenizer.as_bytes());
        hash.number(self.tokens_hash);
        hash.number(self.merges_hash);
        hash.number(self.bos.map_or(u64::MAX, u64::from));
        hash.finish()
    }

    /// Whether ids of one tokenizer mean the same to the other: the condition for a draft and its target.
    ///
    /// What a draft proposes is verified by id, so types do not count, nor do ids that only fill a place on one side,
    /// nor those behind the end of the shorter vocabulary; nor does the BOS token in front, since only the target's
    /// tokenizer encodes.
    ///
    /// # Errors
    /// The first difference, in words: `self` is "this tokenizer", `other` is "the other".
    pub fn compatible(&self, other: &Self) -> Result<(), String> {
        if self.tokens_hash != other.tokens_hash {
            for id in 0..self.vocab_size().min(other.vocab_size()) {
                let (Some(ours), Some(theirs)) = (self.meaning(id), other.meaning(id)) else { continue };
                if ours != theirs {
                    let (ours, theirs) = (self.token(id), other.token(id));
                    return Err(format!("token {id} is {ours} in this tokenizer, {theirs} in the other"));
                }
            }
        }
        if self.merges_hash != other.merges_hash {
            let (ours, theirs) = (self.merges, other.merges);
            return Err(format!("the merges differ: {ours} in this tokenizer, {theirs} in the other"));
        }
        if self.pre_tokenizer != other.pre_tokenizer {
            let (ours, theirs) = (self.pre_tokenizer, other.pre_tokenizer);
            return Err(format!("the pre-tokenizer is {ours} in this tokenizer, {theirs} in the other"));
        }
        Ok(())
    }

    /// A token's text, unless it only fills a place in the vocabulary.
    fn meaning(&self, id: usize) -> Option<String> {
        let text = tokenizers::Model::id_to_token(self.pipeline.get_model(), id as u32)?;
        (!vocabulary::is_filler(&text, self.kinds[id])).then_some(text)
    }

    /// A token in words.
    fn token(&self, id: usize) -> String {
        let text = tokenizers::Model::id_to_token(self.pipeline.get_model(), id as u32);
        match (self.kinds[id], text) {
            (Kind::Normal, Some(text)) => format!("{text:?}"),
            (Kind::Control, Some(text)) => format!("{text:?} (control)"),
            (Kind::UserDefined, Some(text)) => format!("{text:?} (user-defined)"),
            (Kind::Byte, Some(text)) => format!("{text:?} (byte)"),
            (Kind::Unused, _) | (_, None) => "unused".into(),
        }
    }
}

fn missing_pre(architecture: &str, taken: &str) -> String {
    let whose = if taken == "default" { "llama.cpp" } else { architecture };
    format!(
        "the file does not say how to cut text into pieces (tokenizer.ggml.pre is missing); it is read as {taken}, \
         {whose}'s own, and may answer worse than it could; convert the model anew, or use a newer file"
    )
}

#[cfg(test)]
mod tests;
