//! Tokens that mean more than their text: the one in front, and those that end a generation.

use std::collections::{HashMap, HashSet};

use super::ends_of_turn::ends_of_turn;
use super::vocabulary::{Kind, corrupt};
use super::{Error, integers};
use crate::gguf::{self, Metadata};
use crate::sampling::MAX_STOPS;

/// The token in front.
pub(super) const BOS: &str = "tokenizer.ggml.bos_token_id";
const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";
const EOS: &str = "tokenizer.ggml.eos_token_id";
/// Tokens that end a generation, one or several at a key. llama.cpp stops at those of filling in the middle too.
pub(super) const STOPS: [&str; 7] = [
    EOS,
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
    // Ollama's.
    "tokenizer.ggml.eos_token_ids",
];

/// What a kind of tokenizer has where a file does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usual {
    /// Whether the BOS token is put in front.
    pub add_bos: bool,
    /// The BOS token.
    pub bos: Option<u32>,
    /// The token that ends a generation.
    pub eos: Option<u32>,
}

/// What a file says about its special tokens.
pub(super) struct Special {
    /// The token to put in front of a text.
    pub bos: Option<u32>,
    /// Tokens that end a generation, ascending.
    pub stop_ids: Vec<u32>,
}

impl Special {
    /// Reads them, and makes control tokens of those that are not text.
    ///
    /// A token that ordinary text can become stays what it is, though an id names it: with `,` in front of every
    /// text a comma is still a comma. One that ends a turn by its text alone does not even stop there: `</s>` that
    /// merges make is HTML. `made` gives those of a few tokens that are put together from smaller ones; `usual` is what
    /// the kind of tokenizer does where the file does not say.
    pub fn read<'a>(
        metadata: &Metadata,
        tokens: &'a [String],
        kinds: &mut [Kind],
        usual: Usual,
        made: impl FnOnce(HashSet<&'a str>, &[Kind]) -> HashSet<&'a str>,
    ) -> Result<Self, Error> {
        let ends = ends_of_turn(tokens);
        let mut named =
            STOPS.map(|key| ids(metadata, key, tokens)).into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let there =
            |id: Option<u32>| id.filter(|id| tokens.get(*id as usize).is_some_and(|token| !token.is_empty()));
        if ids(metadata, EOS, tokens)?.is_empty() {
            named.extend(there(usual.eos));
        }
        named.sort_unstable();
        named.dedup();
        // Before anything is made of them: a file can name as many as it likes.
        check_count(&named)?;
        let bos = ids(metadata, BOS, tokens)?.first().copied().or(there(usual.bos));
        let candidates = ends.iter().copied().chain(named.iter().chain(&bos).map(|id| *id as usize));
        let texts = Texts(made(candidates.map(|id| tokens[id].as_str()).collect(), kinds));

        let mut stop_ids = Vec::new();
        for id in ends_standing_once(ends, tokens, kinds) {
            if kinds[id] != Kind::Normal || !texts.has(&tokens[id]) {
                kinds[id] = Kind::Control;
                stop_ids.push(id as u32);
            }
        }
        named.iter().chain(&bos).for_each(|&id| name(id, tokens, &texts, kinds));
        stop_ids.extend(named);
        stop_ids.sort_unstable();
        stop_ids.dedup();
        check_count(&stop_ids)?;

        let asked = metadata.optional_bool(ADD_BOS)?;
        if asked == Some(true) && bos.is_none() {
            let expected = "the id of a token, which add_bos_token wants in front of every text";
            return Err(gguf::Error::Metadata { key: BOS.into(), expected }.into());
        }
        Ok(Self { bos: bos.filter(|_| asked.unwrap_or(usual.add_bos)), stop_ids })
    }

    /// What a user should know about what is not done.
    pub fn warning(metadata: &Metadata) -> Result<Option<String>, Error> {
        let asked = metadata.optional_bool(ADD_EOS)? == Some(true);
        let words = "the file asks for an end token behind every text (add_eos_token); it is left out, since no \
                     answer would begin behind it";
        Ok(asked.then(|| words.into()))
    }
}

/// Whether a sampler takes so many.
fn check_count(stop_ids: &[u32]) -> Result<(), Error> {
    match stop_ids.len() {
        0..=MAX_STOPS => Ok(()),
        count => Err(corrupt(format!("{count} tokens end a turn, more than {MAX_STOPS}"))),
    }
}

/// The ids at `key`; none where it is not there, or holds what converters write for "none".
fn ids(metadata: &Metadata, key: &str, tokens: &[String]) -> Result<Vec<u32>, Error> {
    let Some(numbers) = integers::read(metadata, key, "the id of a token")? else { return Ok(Vec::new()) };
    let mut ids = Vec::new();
    for id in numbers.values {
        match usize::try_from(id).ok().and_then(|id| tokens.get(id)) {
            Some(token) if token.is_empty() => {
                return Err(corrupt(format!("{key} is {id}, which is not a token")));
            }
            Some(_) => ids.push(id as u32),
            None if id < 0 || id == numbers.largest || id == i64::from(u32::MAX) => {}
            None => {
                return Err(corrupt(format!("{key} is {id}, but there are {} tokens", tokens.len())));
            }
        }
    }
    Ok(ids)
}

/// Those of `ends` that are not padding: an unused token whose text stands several times.
fn ends_standing_once(ends: Vec<usize>, tokens: &[String], kinds: &[Kind]) -> Vec<usize> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    ends.iter().for_each(|id| *count.entry(&tokens[*id]).or_default() += 1);
    let stands = |id: &usize| kinds[*id] != Kind::Unused || count.get(tokens[*id].as_str()) == Some(&1);
    ends.into_iter().filter(stands).collect()
}

/// Makes a control token of `id`, which a key names, unless it can be a piece of text.
fn name(id: u32, tokens: &[String], texts: &Texts<'_>, kinds: &mut [Kind]) {
    let id = id as usize;
    let keeps = match kinds[id] {
        Kind::Normal | Kind::UserDefined => !is_bracketed(&tokens[id]) || texts.has(&tokens[id]),
        Kind::Byte => true,
        Kind::Control | Kind::Unused => false,
    };
    if !keeps {
        kinds[id] = Kind::Control;
    }
}

/// Tokens that text can become: they are one character, or put together from smaller ones.
struct Texts<'a>(HashSet<&'a str>);

impl Texts<'_> {
    fn has(&self, token: &str) -> bool {
        token.chars().count() == 1 || self.0.contains(token)
    }
}

/// Whether `token` is written as special tokens are.
fn is_bracketed(token: &str) -> bool {
    token.starts_with(['<', '[']) && token.ends_with(['>', ']'])
}

#[cfg(test)]
mod tests;
