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
/// Tokens that end a generation, one or several at a key. llama.cpp stops at those of filling in the middle too.
pub(super) const STOPS: [&str; 7] = [
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
    // Ollama's.
    "tokenizer.ggml.eos_token_ids",
];

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
    /// merges make is HTML.
    pub fn read(
        metadata: &Metadata,
        tokens: &[String],
        merges: &[String],
        kinds: &mut [Kind],
        add_bos: bool,
    ) -> Result<Self, Error> {
        let ends = ends_of_turn(tokens);
        let named =
            STOPS.map(|key| ids(metadata, key, tokens)).into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let bos = ids(metadata, BOS, tokens)?.first().copied();
        let candidates = ends.iter().copied().chain(named.iter().chain(&bos).map(|id| *id as usize));
        let texts = Texts::among(candidates.map(|id| tokens[id].as_str()).collect(), merges);

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
        if stop_ids.len() > MAX_STOPS {
            return Err(corrupt(format!("{} tokens end a turn, more than {MAX_STOPS}", stop_ids.len())));
        }

        let asked = metadata.optional_bool(ADD_BOS)?;
        if asked == Some(true) && bos.is_none() {
            let expected = "the id of a token, which add_bos_token wants in front of every text";
            return Err(gguf::Error::Metadata { key: BOS.into(), expected }.into());
        }
        Ok(Self { bos: bos.filter(|_| asked.unwrap_or(add_bos)), stop_ids })
    }

    /// What a user should know about what is not done.
    pub fn warning(metadata: &Metadata) -> Result<Option<String>, Error> {
        let asked = metadata.optional_bool(ADD_EOS)? == Some(true);
        let words = "the file asks for an end token behind every text (add_eos_token); it is left out, since no \
                     answer would begin behind it";
        Ok(asked.then(|| words.into()))
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

/// Tokens that text can become: they are one character, or what a merge makes.
struct Texts<'a>(HashSet<&'a str>);

impl<'a> Texts<'a> {
    /// Those of `candidates`, in one walk over the merges.
    fn among(candidates: HashSet<&'a str>, merges: &[String]) -> Self {
        let mut made = String::new();
        let mut texts = HashSet::new();
        for (left, right) in merges.iter().filter_map(|merge| merge.split_once(' ')) {
            made.clear();
            made.push_str(left);
            made.push_str(right);
            texts.extend(candidates.get(made.as_str()));
        }
        Self(texts)
    }

    fn has(&self, token: &str) -> bool {
        token.chars().count() == 1 || self.0.contains(token)
    }
}

/// Whether `token` is written as special tokens are.
fn is_bracketed(token: &str) -> bool {
    token.starts_with(['<', '[']) && token.ends_with(['>', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{Array, Value};
    use crate::text::fixture::*;

    #[test]
    fn bos_goes_in_front_once() {
        let bos = |m: &mut Metadata, add| {
            m.set(BOS, Value::U32(12));
            m.set("tokenizer.ggml.add_bos_token", Value::Bool(add));
        };
        let t = tokenizer(|m| bos(m, true)).unwrap();
        assert_eq!(t.encode("hello").unwrap(), [12, 10]);
        assert_eq!(t.encode("<|im_end|>hello").unwrap(), [12, 10]);
        assert_eq!(t.encode("").unwrap(), [12]);
        let t = tokenizer(|m| bos(m, false)).unwrap();
        assert_eq!(t.encode("hello").unwrap(), [10]);

        let llama = |m: &mut Metadata| m.set("tokenizer.ggml.pre", Value::String("llama3".into()));
        let t = tokenizer(|m| {
            m.set(BOS, Value::U32(12));
            llama(m);
        });
        assert_eq!(
            t.unwrap().encode("hello").unwrap(),
            [12, 10],
            "llama-bpe adds it where the file is silent"
        );
        assert_eq!(tokenizer(llama).unwrap().encode("hello").unwrap(), [10]);
        let error = tokenizer(|m| m.set("tokenizer.ggml.add_bos_token", Value::Bool(true))).err().unwrap();
        assert!(error.to_string().contains("bos_token_id"), "{error}");
    }

    /// Bool, and 0 and 1 in every width, mean the same; what else is refused is in `gguf/value.rs`.
    #[test]
    fn the_switch_for_bos_is_a_number_too() {
        for (on, off) in [
            (Value::U8(1), Value::U8(0)),
            (Value::I32(1), Value::I32(0)),
            (Value::U32(1), Value::U32(0)),
            (Value::U64(1), Value::U64(0)),
        ] {
            let ids = |value: Value| {
                let t = tokenizer(|m| {
                    m.set("tokenizer.ggml.pre", text("llama-bpe"));
                    m.set(BOS, Value::U32(12));
                    m.set(ADD_BOS, value);
                });
                t.unwrap().encode("hello").unwrap()
            };
            assert_eq!(ids(on), [12, 10]);
            assert_eq!(ids(off), [10], "llama-bpe would add it");
        }
    }

    #[test]
    fn an_end_token_behind_the_prompt_is_left_out_and_told() {
        let t = tokenizer(|m| m.set(ADD_EOS, Value::U8(1))).unwrap();
        assert_eq!(t.encode("hello").unwrap(), [10]);
        assert!(t.warnings().iter().any(|words| words.contains("add_eos_token")));
        assert!(tokenizer(|m| m.set(ADD_EOS, Value::Bool(false))).unwrap().warnings().is_empty());
    }

    #[test]
    fn stop_ids_are_named_or_usual() {
        let t = tokenizer(|m| {
            m.set("tokenizer.ggml.eot_token_id", Value::U32(13));
            m.set("tokenizer.ggml.eos_token_id", Value::U32(13));
        });
        let t = t.unwrap();
        assert_eq!(t.stop_ids(), [12, 13]);
        assert_eq!(t.token_bytes(13), b"", "an end-of-turn token is a control token");
    }

    #[test]
    fn ends_of_turn_stop_whatever_their_type() {
        for token in ["<|eot_id|>", "<|end|>", "<｜end▁of▁sentence｜>", "_<EOT>", "[PAD]", "<|file_sep|>"]
        {
            for kind in 0..=5 {
                let t = tokenizer(|m| assert_eq!(add_token(m, token, kind), 16)).unwrap();
                assert_eq!(t.stop_ids(), [12, 16], "{token} as {kind}");
                assert_eq!(t.token_bytes(16), b"", "{token} as {kind}");
                assert_eq!(
                    t.encode(&format!("hello{token}hello")).unwrap(),
                    [10, 16, 10],
                    "{token} as {kind}"
                );
            }
        }
        let t = tokenizer(|m| assert_eq!(add_token(m, "<|end_of_role|>", CONTROL), 16)).unwrap();
        assert_eq!(t.stop_ids(), [12]);
    }

    #[test]
    fn several_ends_stop_at_once() {
        let t = tokenizer(|m| {
            for (token, kind) in
                [("<|endoftext|>", NORMAL), ("<|eot_id|>", USER), ("<|my_end|>", NORMAL), ("<a>", USER)]
            {
                add_token(m, token, kind);
            }
            m.set("tokenizer.ggml.eos_token_ids", Value::Array(Array::I32(vec![18, 12, -1])));
            m.set("tokenizer.ggml.eom_token_id", Value::U16(19));
        });
        let t = t.unwrap();
        assert_eq!(t.stop_ids(), [12, 16, 17, 18, 19]);
        assert_eq!(t.decode(&[16, 17, 10, 18, 19]), "hello", "none of them is text");
        assert_eq!(t.encode("hello<|my_end|>").unwrap(), [10, 18]);
    }

    /// A vocabulary of HTML: `</s>` is what merges make of ordinary text.
    #[test]
    fn text_that_looks_like_an_end_is_text() {
        let html = |kind| {
            tokenizer(|m| {
                for token in ["<", "/", "s", ">", "</", "s>"] {
                    add_token(m, token, NORMAL);
                }
                add_token(m, "</s>", kind);
                set_merges(m, &["< /", "s >", "</ s>"]);
                // One piece, so that the merges meet.
                m.set("tokenizer.ggml.pre", text("bloom"));
            })
            .unwrap()
        };
        let t = html(NORMAL);
        assert_eq!(t.stop_ids(), [12]);
        assert_eq!(t.encode("</s>").unwrap(), [22]);
        assert_eq!(t.decode(&[22]), "</s>");
        let t = html(CONTROL);
        assert_eq!(t.stop_ids(), [12, 22]);
        assert_eq!(t.decode(&[22]), "");
    }

    #[test]
    fn a_normal_token_stays_text_though_an_id_names_it() {
        for key in STOPS.into_iter().chain([BOS]) {
            for (id, kind) in [(3, NORMAL), (10, NORMAL), (11, NORMAL), (16, NORMAL), (16, USER)] {
                let mut bytes = Vec::new();
                let t = tokenizer(|m| {
                    add_token(m, "whole", kind);
                    let token = &tokens_of(m)[id as usize].0;
                    bytes = token.replace('Ġ', " ").into_bytes();
                    m.set(key, Value::U32(id));
                });
                let t = t.unwrap();
                assert_eq!(t.token_bytes(id), bytes, "{key} {id}");
                assert_eq!(
                    t.encode("hello hello").unwrap(),
                    [10, 11],
                    "{key} {id}: not cut at the token's text"
                );
                assert_eq!(t.stop_ids().contains(&id), key != BOS);
            }
        }
        let t = tokenizer(|m| {
            m.set(BOS, Value::U32(3));
            m.set(ADD_BOS, Value::Bool(true));
        });
        assert_eq!(t.unwrap().encode("hello").unwrap(), [3, 10]);
    }

    #[test]
    fn special_tokens_are_found_without_types() {
        let mut m = metadata();
        m.0.retain(|(key, _)| key != "tokenizer.ggml.token_type");
        m.set(BOS, Value::U32(13));
        let t = crate::text::Tokenizer::from_metadata(&m).unwrap();
        assert_eq!(t.stop_ids(), [12]);
        assert_eq!(t.encode("<|a b|>hello<|im_end|>").unwrap(), [13, 10, 12]);
        assert_eq!(t.decode(&[13, 10, 12]), "hello");
    }

    #[test]
    fn ids_that_say_none_are_absent() {
        for key in STOPS.into_iter().chain([BOS]) {
            for none in [
                Value::U32(u32::MAX),
                Value::I32(-1),
                Value::I64(-1),
                Value::I64(u32::MAX.into()),
                Value::U64(u64::MAX),
                Value::U64(u32::MAX.into()),
                Value::U16(u16::MAX),
                Value::U8(u8::MAX),
                Value::F32(-1.0),
            ] {
                let t = tokenizer(|m| m.set(key, none.clone())).unwrap();
                assert_eq!(t.stop_ids(), [12], "{key} {none:?}: by its text");
                assert_eq!(t.encode("hello").unwrap(), [10]);
            }
        }
        let error = tokenizer(|m| {
            m.set(BOS, Value::U32(u32::MAX));
            m.set(ADD_BOS, Value::Bool(true));
        });
        assert!(error.err().unwrap().to_string().contains("bos_token_id"));
    }

    #[test]
    fn other_ids_must_exist() {
        for key in STOPS.into_iter().chain([BOS]) {
            for id in [Value::U32(17), Value::U64(1 << 40), Value::I16(17), Value::U16(255), Value::U32(16)] {
                let words = corrupt_by(|m| {
                    add_token(m, "", NORMAL);
                    m.set(key, id);
                });
                assert!(words.contains(key), "{words}");
            }
            for id in [Value::F32(0.5), text("12"), Value::Bool(true), Value::Array(Array::F32(vec![1.0]))] {
                let error = tokenizer(|m| m.set(key, id)).err().expect("an error");
                assert_eq!(error.code(), "gguf-metadata");
                assert!(error.to_string().contains(key), "{error}");
            }
        }
    }

    #[test]
    fn ids_and_types_of_every_width() {
        for id in [
            Value::U8(13),
            Value::I8(13),
            Value::U16(13),
            Value::I16(13),
            Value::U32(13),
            Value::I32(13),
            Value::U64(13),
            Value::I64(13),
            Value::F32(13.0),
        ] {
            let t = tokenizer(|m| m.set("tokenizer.ggml.eot_token_id", id.clone())).unwrap();
            assert_eq!(t.stop_ids(), [12, 13], "{id:?}");
        }
        let same = tokenizer(|_| ()).unwrap();
        let types: Vec<i32> = tokens_of(&mut metadata()).into_iter().map(|(_, kind)| kind).collect();
        for array in [
            Array::U8(types.iter().map(|&t| t as u8).collect()),
            Array::I8(types.iter().map(|&t| t as i8).collect()),
            Array::U16(types.iter().map(|&t| t as u16).collect()),
            Array::I16(types.iter().map(|&t| t as i16).collect()),
            Array::U32(types.iter().map(|&t| t as u32).collect()),
            Array::U64(types.iter().map(|&t| t as u64).collect()),
            Array::I64(types.iter().map(|&t| t.into()).collect()),
        ] {
            let t = tokenizer(|m| m.set("tokenizer.ggml.token_type", Value::Array(array))).unwrap();
            assert_eq!(t.fingerprint(), same.fingerprint());
        }
        for value in [Value::Array(Array::F32(vec![1.0; 16])), Value::U8(1), text("1")] {
            let error = tokenizer(|m| m.set("tokenizer.ggml.token_type", value)).err().expect("an error");
            assert!(error.to_string().contains("token_type"), "{error}");
        }
    }
}
