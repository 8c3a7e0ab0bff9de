//! The tokenizer of a GGUF file, built from the file's metadata.

use super::Error;
use super::fnv::Fnv;
use super::models::{Built, Model, ModelKind, Rules};
use super::special::Special;
use super::vocabulary::{self, Kind, corrupt};
use crate::gguf::Metadata;

/// Text to token ids and back.
pub struct Tokenizer {
    model: Box<dyn Model>,
    rules: Rules,
    kinds: Vec<Kind>,
    /// The id that [`Tokenizer::encode`] puts in front.
    bos: Option<u32>,
    stop_ids: Vec<u32>,
    warnings: Vec<String>,
    tokens_hash: u64,
}

impl Tokenizer {
    /// Builds the tokenizer that `metadata` describes (`tokenizer.ggml.*`).
    ///
    /// # Errors
    /// [`Error::Metadata`] where a key is missing or has another type, [`Error::Unsupported`] for a model or
    /// pre-tokenizer that we do not build, [`Error::Tokenizer`] where the data contradicts itself.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, Error> {
        let kind = ModelKind::named(metadata.require_string("tokenizer.ggml.model")?)?;
        let tokens = metadata.require_strings("tokenizer.ggml.tokens")?;
        if tokens.is_empty() {
            return Err(corrupt("the vocabulary is empty"));
        }
        let mut kinds = vocabulary::kinds(metadata, tokens)?;
        let Built { model, rules, special, mut warnings } = (kind.build)(metadata, tokens, &mut kinds)?;
        warnings.extend(Special::warning(metadata)?);
        let tokens_hash = vocabulary::hash(tokens, &kinds);
        let Special { bos, stop_ids } = special;
        Ok(Self { model, rules, kinds, bos, stop_ids, warnings, tokens_hash })
    }

    /// Token ids of `text`. Special tokens written out in the text (`<|im_start|>`) become their ids;
    /// nothing is added in front or behind except the BOS token where the file asks for it (`add_bos_token`)
    /// and the text does not already begin with it, as chat templates often do.
    ///
    /// # Errors
    /// [`Error::Encode`] for a text that the kind of tokenizer cannot take: with byte-level BPE, a run of more than half
    /// a million white-space characters.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let ids = self.model.encode(text, true)?;
        // One that is text may stand at the beginning for itself.
        let there = |bos: &u32| ids.first() == Some(bos) && self.kinds[*bos as usize] == Kind::Control;
        match self.bos.filter(|bos| !there(bos)) {
            Some(bos) => Ok([&[bos], ids.as_slice()].concat()),
            None => Ok(ids),
        }
    }

    /// Token ids of `text` that stands behind those of `before`: without a BOS token, and with a space in front, where the
    /// tokenizer adds one to a text, only where none is there yet. As [`Tokenizer::encode`] where `before` is empty.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn encode_behind(&self, before: &[u32], text: &str) -> Result<Vec<u32>, Error> {
        match before.last() {
            None => self.encode(text),
            Some(last) => {
                self.model.encode(text, !self.token_bytes(*last).last().is_some_and(u8::is_ascii_whitespace))
            }
        }
    }

    /// Token ids of `text` in the middle of another: nothing is added in front.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn encode_within(&self, text: &str) -> Result<Vec<u32>, Error> {
        self.model.encode(text, false)
    }

    /// The bytes of one token: not always whole characters. Special (control) tokens and ids out of range
    /// give none.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        match self.kinds.get(id as usize) {
            None | Some(Kind::Control | Kind::Unused) => &[],
            Some(Kind::Normal | Kind::UserDefined | Kind::Byte) => self.model.bytes(id),
        }
    }

    /// What of the first bytes of a text is its own: SentencePiece puts a space in front of every text.
    pub(super) fn without_prefix<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.strip_prefix(b" ").filter(|_| self.rules.space_prefix).unwrap_or(bytes)
    }

    /// Text of `ids`, special tokens left out, invalid UTF-8 replaced.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.token_bytes(id)).copied().collect();
        String::from_utf8_lossy(self.without_prefix(&bytes)).into_owned()
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
    /// name, tokens, types, merges or scores, and the BOS token that is put in front. The same in every build and on
    /// every machine.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv::new();
        hash.field(self.rules.pre_tokenizer.as_bytes());
        hash.number(self.tokens_hash);
        hash.number(self.rules.hash);
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
        if let (Some(ours), Some(theirs)) = (self.rules.merges, other.rules.merges)
            && self.rules.hash != other.rules.hash
        {
            return Err(format!("the merges differ: {ours} in this tokenizer, {theirs} in the other"));
        }
        let (ours, theirs) = (self.rules.pre_tokenizer, other.rules.pre_tokenizer);
        if ours != theirs {
            return Err(format!("the pre-tokenizer is {ours} in this tokenizer, {theirs} in the other"));
        }
        Ok(())
    }

    /// A token's text, unless it only fills a place in the vocabulary.
    fn meaning(&self, id: usize) -> Option<String> {
        let text = self.model.token(id as u32)?;
        (!vocabulary::is_filler(&text, self.kinds[id])).then_some(text)
    }

    /// A token in words.
    fn token(&self, id: usize) -> String {
        let text = self.model.token(id as u32);
        match (self.kinds[id], text) {
            (Kind::Normal, Some(text)) => format!("{text:?}"),
            (Kind::Control, Some(text)) => format!("{text:?} (control)"),
            (Kind::UserDefined, Some(text)) => format!("{text:?} (user-defined)"),
            (Kind::Byte, Some(text)) => format!("{text:?} (byte)"),
            (Kind::Unused, _) | (_, None) => "unused".into(),
        }
    }
}

#[cfg(test)]
mod tests;
