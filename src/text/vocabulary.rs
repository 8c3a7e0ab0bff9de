//! The tokens of a file: their types, their ids, their merges and their bytes.

use super::fnv::Fnv;
use super::{Error, integers};
use crate::gguf::Metadata;
use std::collections::HashMap;
use tokenizers::models::bpe::{Merges, Vocab};

/// A token's type, `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Normal,
    Control,
    UserDefined,
    Byte,
    /// An id without a token: padding of the vocabulary, or an empty text.
    Unused,
}

pub(super) fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::Tokenizer(what.to_string())
}

/// The type of every token; all are normal where the file has no types.
pub(super) fn kinds(metadata: &Metadata, tokens: &[String]) -> Result<Vec<Kind>, Error> {
    const KEY: &str = "tokenizer.ggml.token_type";
    let types = integers::read_array(metadata, KEY)?.unwrap_or_else(|| vec![1; tokens.len()]);
    if types.len() != tokens.len() {
        return Err(corrupt(format!("there are {} tokens but {} token types", tokens.len(), types.len())));
    }
    let kind = |(id, (token, kind)): (usize, (&String, i64))| match kind {
        _ if token.is_empty() => Ok(Kind::Unused),
        0 | 1 => Ok(Kind::Normal),
        2 | 3 => Ok(Kind::Control),
        4 => Ok(Kind::UserDefined),
        5 => Ok(Kind::Unused),
        6 => Ok(Kind::Byte),
        _ => Err(corrupt(format!("token {id} has the unknown type {kind}"))),
    };
    tokens.iter().zip(types).enumerate().map(kind).collect()
}

/// Ids of the tokens' texts.
pub(super) fn ids(tokens: &[String], kinds: &[Kind]) -> Result<Vocab, Error> {
    let mut vocab = Vocab::with_capacity(tokens.len());
    for (id, token) in present(tokens, kinds) {
        if let Some(first) = vocab.insert(token.clone(), id) {
            return Err(twice(first, id, token));
        }
    }
    Ok(vocab)
}

/// Refuses tokens that stand twice.
pub(super) fn check_unique(tokens: &[String], kinds: &[Kind]) -> Result<(), Error> {
    let mut ids = HashMap::with_capacity(tokens.len());
    for (id, token) in present(tokens, kinds) {
        if let Some(first) = ids.insert(token.as_str(), id) {
            return Err(twice(first, id, token));
        }
    }
    Ok(())
}

/// The tokens that are not unused, with their ids.
fn present<'a>(tokens: &'a [String], kinds: &[Kind]) -> impl Iterator<Item = (u32, &'a String)> {
    let tokens = tokens.iter().zip(kinds).enumerate();
    tokens.filter(|(_, (_, kind))| **kind != Kind::Unused).map(|(id, (token, _))| (id as u32, token))
}

pub(super) fn twice(first: u32, second: u32, token: &str) -> Error {
    corrupt(format!("tokens {first} and {second} are both {token:?}"))
}

/// A hash over texts and types.
pub(super) fn hash(tokens: &[String], kinds: &[Kind]) -> u64 {
    let mut hash = Fnv::new();
    for (token, &kind) in tokens.iter().zip(kinds) {
        hash.number(kind as u64);
        if kind != Kind::Unused {
            hash.field(token.as_bytes());
        }
    }
    hash.finish()
}

/// The merges as pairs of tokens, and a hash over them.
pub(super) fn merges(lines: &[String], vocab: &Vocab) -> Result<(Merges, u64), Error> {
    let mut hash = Fnv::new();
    let mut merges = Merges::with_capacity(lines.len());
    let mut merged = String::new();
    for (rank, line) in lines.iter().enumerate() {
        let Some((left, right)) = line
            .split_once(' ')
            .filter(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains(' '))
        else {
            return Err(corrupt(format!("merge {rank} is {line:?}, not two tokens with a space between")));
        };
        hash.field(line.as_bytes());
        merged.clear();
        merged.push_str(left);
        merged.push_str(right);
        if let Some(token) = [left, right, &merged].into_iter().find(|&token| !vocab.contains_key(token)) {
            return Err(corrupt(format!(
                "merge {rank} ({line:?}) needs the token {token:?}, which is not there"
            )));
        }
        merges.push((left.into(), right.into()));
    }
    Ok((merges, hash.finish()))
}

/// The texts of all tokens as bytes, one after the other, and where each ends.
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    /// The bytes of token `id`; none where there is no such token.
    pub fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else { return &[] };
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..end as usize]
    }
}

/// The texts of all tokens: that of a byte token is its byte, others are what `push` makes of them.
pub(super) fn texts(
    tokens: &[String],
    kinds: &[Kind],
    push: impl Fn(&str, Kind, &mut Vec<u8>),
) -> Result<Texts, Error> {
    let mut bytes = Vec::with_capacity(tokens.iter().map(String::len).sum());
    let mut ends = Vec::with_capacity(tokens.len());
    for (id, (token, &kind)) in tokens.iter().zip(kinds).enumerate() {
        if kind == Kind::Byte {
            let digits = token.strip_prefix("<0x").and_then(|t| t.strip_suffix('>'));
            let byte = digits.filter(|d| d.len() == 2).and_then(|d| u8::from_str_radix(d, 16).ok());
            bytes.push(byte.ok_or_else(|| {
                corrupt(format!("token {id} has the type byte but is {token:?}, not <0x00> to <0xFF>"))
            })?);
        }
        push(token, kind, &mut bytes);
        ends.push(
            u32::try_from(bytes.len()).map_err(|_| corrupt("the vocabulary has more than 4 GiB of text"))?,
        );
    }
    bytes.shrink_to_fit();
    Ok(Texts { bytes, ends })
}

/// Whether `token` only fills a place in the vocabulary: no text becomes it, and no model was taught to say it.
pub(super) fn is_filler(token: &str, kind: Kind) -> bool {
    const WORDS: [&str; 4] = ["unused", "reserved", "placeholder", "place▁holder"];
    // `convert_hf_to_gguf.py` of llama.cpp: `[PAD151936]`.
    let number = token.strip_prefix("[PAD").and_then(|rest| rest.strip_suffix(']'));
    let padding = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    match kind {
        Kind::Unused => true,
        Kind::Control | Kind::UserDefined => padding || WORDS.iter().any(|word| token.contains(word)),
        Kind::Normal | Kind::Byte => padding,
    }
}
