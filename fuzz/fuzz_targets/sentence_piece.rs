//! Any bytes as a SentencePiece vocabulary and a text: what is not refused encodes the text, to ids that exist.
//!
//! Pieces stand first, one a line with its type and its score's bits in front, then an empty line and the text.
//!
//! `cargo +nightly fuzz run sentence_piece -- -rss_limit_mb=512`

#![no_main]

use libfuzzer_sys::fuzz_target;
use paceline::gguf::{Array, Metadata, Value};
use paceline::text::{TextStream, Tokenizer};

fn metadata(pieces: &[u8]) -> Metadata {
    let (mut tokens, mut types, mut scores) = (vec!["<unk>".to_owned()], vec![2], vec![0.0]);
    let flags = pieces.first().copied().unwrap_or_default();
    for line in pieces.split(|byte| *byte == b'\n') {
        let Some((front, token)) = line.split_at_checked(3) else { continue };
        tokens.push(String::from_utf8_lossy(token).into_owned());
        types.push(i32::from(front[0] % 8));
        scores.push(f32::from_bits(u32::from_be_bytes([front[1], front[2], 0, 0])));
    }
    let mut metadata = Metadata::default();
    let mut set = |key: &str, value| metadata.set(format!("tokenizer.ggml.{key}"), value);
    set("model", Value::String("llama".into()));
    set("tokens", Value::Array(Array::String(tokens)));
    set("token_type", Value::Array(Array::I32(types)));
    set("scores", Value::Array(Array::F32(scores)));
    set("add_space_prefix", Value::Bool(flags & 1 == 1));
    set("remove_extra_whitespaces", Value::Bool(flags & 2 == 2));
    if flags & 4 == 4 {
        metadata.set("general.architecture", Value::String("phi3".into()));
    }
    metadata
}

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let (pieces, text) = bytes.split_at(end);
    let Ok(tokenizer) = Tokenizer::from_metadata(&metadata(pieces)) else { return };
    let ids = tokenizer.encode(&String::from_utf8_lossy(text)).unwrap();
    assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
    let mut stream = TextStream::default();
    let mut streamed: String = ids.iter().map(|&id| stream.push(&tokenizer, id)).collect();
    streamed += &stream.finish();
    assert_eq!(streamed, tokenizer.decode(&ids));
});
