//! SentencePiece's BPE, as Llama 2, Mistral 0.1 to 0.3, Phi 3 and Gemma have it: merges by score, user-defined tokens
//! that are never split, bytes in the place of what no piece has, and a space in front.
//!
//! Merging is our own: the BPE of `tokenizers` wants a list of merges and breaks ties by their places in it, where
//! SentencePiece takes the leftmost of the pairs with an equal score. It is the crate that finds special and
//! user-defined tokens. Where references differ:
//!
//! - Behind a special or user-defined token another text begins, with a space in front of its own: as llama.cpp does
//!   it and the `tokenizer.json` of Llama 2, TinyLlama and Mistral (`legacy`). A GGUF file cannot say otherwise.
//! - Runs of spaces that are a user-defined token (Gemma) are found before anything is merged, as SentencePiece and
//!   llama.cpp do it; `tokenizers` finds them by merges, and sometimes cuts a run elsewhere.
//! - No text becomes an unused piece: as SentencePiece, not as the others.

mod merge;
mod pieces;
#[cfg(test)]
mod tests;

use super::{Built, Model, Rules};
use crate::gguf::{self, Array, Metadata, Value};
use crate::text::fnv::Fnv;
use crate::text::special::{Special, Usual};
use crate::text::vocabulary::{self, Kind, corrupt};
use crate::text::{Error, integers};
use pieces::Pieces;
use std::borrow::Cow;
use std::collections::HashSet;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::{AddedToken, AddedVocabulary, OffsetReferential, OffsetType};

const SCORES: &str = "tokenizer.ggml.scores";
const TYPES: &str = "tokenizer.ggml.token_type";
const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
const ADD_SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";
const REMOVE_EXTRA_WHITESPACES: &str = "tokenizer.ggml.remove_extra_whitespaces";
const CHARACTER_MAP: &str = "tokenizer.ggml.precompiled_charsmap";
/// As llama.cpp.
const USUAL: Usual = Usual { add_bos: true, bos: Some(1), eos: Some(2) };
/// What stands for a space in a vocabulary.
const SPACE: char = '▁';

struct SentencePiece {
    pieces: Pieces,
    /// What byte tokens there are, by their byte.
    bytes: [Option<u32>; 256],
    unknown: Option<u32>,
    /// Special and user-defined tokens, and their ids by the crate's own.
    whole: AddedVocabulary,
    whole_ids: Vec<u32>,
    kinds: Vec<Kind>,
    space_prefix: bool,
    /// Spaces in a row are one, and none begin or end a text.
    single_spaces: bool,
}

pub(super) fn build(metadata: &Metadata, tokens: &[String], kinds: &mut [Kind]) -> Result<Built, Error> {
    let scores = scores(metadata, tokens.len())?;
    if metadata.get(TYPES).is_none() {
        return Err(missing(TYPES, "an array of integers, which tell bytes from text"));
    }
    let special = Special::read(metadata, tokens, kinds, USUAL, |candidates, kinds| {
        put_together(&candidates, tokens, kinds)
    })?;
    vocabulary::check_unique(tokens, kinds)?;
    let space_prefix = metadata.optional_bool(ADD_SPACE_PREFIX)?.unwrap_or(true);
    let single_spaces = metadata.optional_bool(REMOVE_EXTRA_WHITESPACES)?.unwrap_or(false);

    let texts = vocabulary::texts(tokens, kinds, |token, kind, out| match kind {
        Kind::Byte => {}
        Kind::Control => out.extend_from_slice(token.as_bytes()),
        Kind::Normal | Kind::UserDefined | Kind::Unused => {
            out.extend_from_slice(token.replace(SPACE, " ").as_bytes());
        }
    })?;
    let mut bytes = [None; 256];
    for (id, _) in (0..).zip(kinds.iter()).filter(|(_, kind)| **kind == Kind::Byte) {
        if let [byte] = texts.get(id) {
            bytes[usize::from(*byte)].get_or_insert(id);
        }
    }
    let unknown = unknown(metadata, tokens, kinds)?;
    if unknown.is_none() && bytes.contains(&None) {
        return Err(corrupt("it has neither a token for every byte nor one for what is unknown"));
    }
    // As in Phi 3's `tokenizer.json`: a GGUF file has no place for it, and llama.cpp knows it by the model's name.
    let strips = metadata.optional_string("general.architecture")? == Some("phi3");
    let (whole, whole_ids) = whole(tokens, kinds, strips)?;
    let pieces = Pieces::new(tokens, kinds, texts, &scores)?;

    let mut hash = Fnv::new();
    scores.iter().for_each(|score| hash.number(score.to_bits().into()));
    hash.number(u64::from(space_prefix) + 2 * u64::from(single_spaces) + 4 * u64::from(strips));
    hash.number(unknown.map_or(u64::MAX, u64::from));
    let rules = Rules { pre_tokenizer: "SentencePiece", merges: None, hash: hash.finish(), space_prefix };
    let warnings = metadata.get(CHARACTER_MAP).map(|_| {
        let words = "the file rewrites some characters before it cuts text into pieces (precompiled_charsmap); that is \
                     left out, and may change answers to such text";
        words.into()
    });
    let kinds = kinds.to_vec();
    let model =
        SentencePiece { pieces, bytes, unknown, whole, whole_ids, kinds, space_prefix, single_spaces };
    Ok(Built { model: Box::new(model), rules, special, warnings: warnings.into_iter().collect() })
}

impl Model for SentencePiece {
    fn encode(&self, text: &str, begins: bool) -> Result<Vec<u32>, Error> {
        if u32::try_from(text.len()).is_err() {
            return Err(Error::Encode("it has more than 4 GiB".into()));
        }
        // SentencePiece takes spaces away before it makes no difference between the two.
        let text =
            if self.single_spaces { Cow::Borrowed(text) } else { Cow::Owned(text.replace(SPACE, " ")) };
        let mut ids = Vec::new();
        let parts = self.whole.extract_and_normalize(None::<&NFC>, &text);
        for (part, (from, _), whole) in parts.get_splits(OffsetReferential::Original, OffsetType::Byte) {
            match whole.as_deref() {
                Some(whole) => ids.extend(whole.iter().map(|token| self.whole_ids[token.id as usize])),
                None => self.encode_part(part, begins || from > 0, &mut ids),
            }
        }
        Ok(ids)
    }

    fn token(&self, id: u32) -> Option<String> {
        let bytes = self.pieces.texts.get(id);
        match self.kinds.get(id as usize)? {
            Kind::Byte => Some(format!("<0x{:02X}>", bytes.first()?)),
            Kind::Unused => None,
            Kind::Normal | Kind::Control | Kind::UserDefined => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
        }
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.pieces.texts.get(id)
    }
}

impl SentencePiece {
    /// Appends the ids of a text without special or user-defined tokens, with a space in front where it begins one.
    fn encode_part(&self, part: &str, begins: bool, ids: &mut Vec<u32>) {
        let mut text = if self.single_spaces { with_single_spaces(part) } else { part.into() };
        if begins && self.space_prefix && !text.is_empty() {
            text.insert(0, ' ');
        }
        let start = ids.len();
        merge::merge(&text, &self.pieces, |text| match self.pieces.find(text) {
            Some(id) if !self.pieces.unused.contains(&id) => ids.push(id),
            _ => self.encode_unknown(text, start, ids),
        });
    }

    /// Appends the bytes of a character that is no piece, or else the unknown token, once for several such characters in a
    /// row of those from `start`.
    fn encode_unknown(&self, character: &[u8], start: usize, ids: &mut Vec<u32>) {
        let character = if character == b" " { SPACE.to_string().into_bytes() } else { character.to_vec() };
        let bytes: Option<Vec<u32>> = character.iter().map(|byte| self.bytes[usize::from(*byte)]).collect();
        match bytes {
            Some(bytes) => ids.extend(bytes),
            None if ids[start..].last().copied() == self.unknown => {}
            None => ids.extend(self.unknown),
        }
    }
}

fn with_single_spaces(text: &str) -> String {
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").replace(SPACE, " ").trim_end_matches(' ').into()
}

/// One score a token.
fn scores(metadata: &Metadata, tokens: usize) -> Result<Vec<f32>, Error> {
    const EXPECTED: &str = "an array of numbers";
    let scores: Vec<f32> = match metadata.get(SCORES) {
        None => return Err(missing(SCORES, EXPECTED)),
        Some(Value::Array(Array::F32(scores))) => scores.clone(),
        Some(Value::Array(Array::F64(scores))) => scores.iter().map(|&score| score as f32).collect(),
        Some(Value::Array(_)) => {
            let integers = integers::read(metadata, SCORES, EXPECTED)?;
            integers
                .map(|integers| integers.values)
                .unwrap_or_default()
                .iter()
                .map(|&score| score as f32)
                .collect()
        }
        Some(other) => {
            let (key, found) = (SCORES.into(), other.to_string());
            return Err(gguf::Error::MetadataType { key, expected: EXPECTED, found }.into());
        }
    };
    if scores.len() != tokens {
        return Err(corrupt(format!("there are {tokens} tokens but {} scores", scores.len())));
    }
    match scores.iter().position(|score| score.is_nan()) {
        Some(id) => Err(corrupt(format!("the score of token {id} is no number"))),
        None => Ok(scores),
    }
}

fn missing(key: &str, expected: &'static str) -> Error {
    gguf::Error::Metadata { key: key.into(), expected }.into()
}

/// The token for what no other stands for.
fn unknown(metadata: &Metadata, tokens: &[String], kinds: &[Kind]) -> Result<Option<u32>, Error> {
    let named = integers::read(metadata, UNKNOWN, "the id of a token")?;
    let named = named.and_then(|ids| ids.values.first().copied());
    let id = named
        .and_then(|id| usize::try_from(id).ok())
        .filter(|id| kinds.get(*id).is_some_and(|kind| *kind != Kind::Unused));
    let by_text = || tokens.iter().position(|token| token == "<unk>");
    // llama.cpp takes the first, even where that is text.
    let first = || (kinds.first() == Some(&Kind::Control)).then_some(0);
    Ok(id.or_else(by_text).or_else(first).map(|id| id as u32))
}

/// Longest token, in bytes, that [`put_together`] looks at.
const LONGEST: usize = 256;

/// Those of `candidates` that are two other pieces together, so that text can become them.
fn put_together<'a>(candidates: &HashSet<&'a str>, tokens: &[String], kinds: &[Kind]) -> HashSet<&'a str> {
    let cuts = |text: &'a str| {
        let cuts = if text.len() > LONGEST { "" } else { text };
        cuts.char_indices().skip(1).map(move |(at, _)| text.split_at(at))
    };
    let parts: HashSet<&str> =
        candidates.iter().flat_map(|text| cuts(text)).flat_map(|(left, right)| [left, right]).collect();
    let there: HashSet<&str> = tokens
        .iter()
        .zip(kinds)
        .filter(|(token, kind)| **kind == Kind::Normal && parts.contains(token.as_str()))
        .map(|(token, _)| token.as_str())
        .collect();
    let is_there = |(left, right): (&str, &str)| there.contains(left) && there.contains(right);
    candidates.iter().copied().filter(|text| cuts(text).any(is_there)).collect()
}

/// The tokens that are found before all merges, and their ids. Some take the white space behind them away where the
/// vocabulary `strips`.
fn whole(tokens: &[String], kinds: &[Kind], strips: bool) -> Result<(AddedVocabulary, Vec<u32>), Error> {
    let (mut added, mut ids, mut there) = (Vec::new(), Vec::new(), HashSet::new());
    for (id, (token, kind)) in (0..).zip(tokens.iter().zip(kinds)) {
        if !matches!(kind, Kind::Control | Kind::UserDefined) {
            continue;
        }
        // llama.cpp's converter writes user-defined tokens with spaces, others as SentencePiece has them.
        let text = token.replace(SPACE, " ");
        let strips = strips && !["<unk>", "<s>", "<|endoftext|>"].contains(&token.as_str());
        if there.insert(text.clone()) {
            added.push(AddedToken::from(text, *kind == Kind::Control).normalized(false).rstrip(strips));
            ids.push(id);
        }
    }
    // Without a model the crate numbers them as they come.
    let mut whole = AddedVocabulary::new();
    whole.add_tokens(added, &BPE::default(), None::<&NFC>).map_err(corrupt)?;
    Ok((whole, ids))
}
