//! A small tokenizer for tests, and ways to change its metadata.

use super::{Error, Tokenizer};
use crate::gguf::{Array, Metadata, Value};

pub(super) const NORMAL: i32 = 1;
pub(super) const CONTROL: i32 = 3;
pub(super) const USER: i32 = 4;
pub(super) const UNUSED: i32 = 5;
pub(super) const BYTE: i32 = 6;

/// `h e l o Ġ Ã © ll he hell hello Ġhello <|im_end|> <|a b|> [PAD14] <0xFF>`, ids in this order.
pub(super) fn metadata() -> Metadata {
    let tokens = [
        ("h", NORMAL),
        ("e", NORMAL),
        ("l", NORMAL),
        ("o", NORMAL),
        ("Ġ", NORMAL),
        ("Ã", NORMAL),
        ("©", NORMAL),
        ("ll", NORMAL),
        ("he", NORMAL),
        ("hell", NORMAL),
        ("hello", NORMAL),
        ("Ġhello", NORMAL),
        ("<|im_end|>", CONTROL),
        ("<|a b|>", USER),
        ("[PAD14]", UNUSED),
        ("<0xFF>", BYTE),
    ];
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::String("gpt2".into()));
    metadata.set("tokenizer.ggml.pre", Value::String("gpt-2".into()));
    set_tokens(&mut metadata, &tokens);
    set_merges(&mut metadata, &["l l", "h e", "he ll", "hell o", "Ġ hello"]);
    metadata.set("tokenizer.ggml.eos_token_id", Value::U32(12));
    metadata
}

pub(super) fn set_tokens(metadata: &mut Metadata, tokens: &[(&str, i32)]) {
    let (texts, types) = tokens.iter().map(|&(t, k)| (t.to_owned(), k)).unzip();
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(texts)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
}

pub(super) fn set_merges(metadata: &mut Metadata, merges: &[&str]) {
    let merges = merges.iter().map(|&m| m.to_owned()).collect();
    metadata.set("tokenizer.ggml.merges", Value::Array(Array::String(merges)));
}

pub(super) fn tokenizer(change: impl FnOnce(&mut Metadata)) -> Result<Tokenizer, Error> {
    let mut metadata = metadata();
    change(&mut metadata);
    Tokenizer::from_metadata(&metadata)
}

/// The error's words after `change`, which must be of the kind `tokenizer-corrupt`.
pub(super) fn corrupt_by(change: impl FnOnce(&mut Metadata)) -> String {
    let error = tokenizer(change).err().expect("an error");
    assert_eq!(error.code(), "tokenizer-corrupt");
    error.to_string()
}

pub(super) fn strings_of(metadata: &mut Metadata, key: &str) -> Vec<String> {
    metadata.require_strings(key).unwrap().to_vec()
}

/// The tokens with their types.
pub(super) fn tokens_of(metadata: &mut Metadata) -> Vec<(String, i32)> {
    let Some(Value::Array(Array::I32(types))) = metadata.get("tokenizer.ggml.token_type").cloned() else {
        panic!("the fixture has types");
    };
    strings_of(metadata, "tokenizer.ggml.tokens").into_iter().zip(types).collect()
}

/// Adds a token, and gives its id.
pub(super) fn add_token(metadata: &mut Metadata, token: &str, kind: i32) -> u32 {
    let mut tokens = tokens_of(metadata);
    tokens.push((token.into(), kind));
    set_tokens(metadata, &tokens.iter().map(|(token, kind)| (token.as_str(), *kind)).collect::<Vec<_>>());
    tokens.len() as u32 - 1
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.into())
}
