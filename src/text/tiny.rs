//! Small vocabularies for tests and benches: what a GGUF file says of its tokenizer.

use crate::gguf::{Array, Metadata, Value};
use std::collections::VecDeque;

/// Ids of the fewest tokens of [`sentence_piece`]: unknown, two that frame a text, and the bytes.
pub const MIN_SENTENCE_PIECE: usize = SPECIAL.len() + 256;

const SPECIAL: [(&str, i32); 3] = [("<unk>", 2), ("<s>", 3), ("</s>", 3)];
/// In the order of their scores.
const LETTERS: &str = "etaoinshrdlucmfwypvbgkjqxz";

/// Keys `tokenizer.ggml.*` of a SentencePiece vocabulary of `vocab` tokens, which encodes any text: `<unk>`, `<s>`, `</s>`,
/// the bytes, then `▁`, letters and what can be merged of them. Texts begin with `<s>` and a space.
///
/// # Panics
/// With fewer than [`MIN_SENTENCE_PIECE`] tokens.
pub fn sentence_piece(vocab: usize) -> Metadata {
    assert!(vocab >= MIN_SENTENCE_PIECE, "{vocab} tokens are fewer than {MIN_SENTENCE_PIECE}");
    let special = SPECIAL.map(|(token, kind)| (token.to_owned(), 0.0, kind));
    let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), 0.0, 6));
    let pieces = pieces().take(vocab - MIN_SENTENCE_PIECE).enumerate();
    let pieces = pieces.map(|(rank, piece)| (piece, -(rank as f32), 1));
    let (mut tokens, mut scores, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for (token, score, kind) in special.into_iter().chain(bytes).chain(pieces) {
        tokens.push(token);
        scores.push(score);
        types.push(kind);
    }
    let mut metadata = Metadata::default();
    let mut set = |key: &str, value| metadata.set(format!("tokenizer.ggml.{key}"), value);
    set("model", Value::String("llama".into()));
    set("pre", Value::String("default".into()));
    set("tokens", Value::Array(Array::String(tokens)));
    set("scores", Value::Array(Array::F32(scores)));
    set("token_type", Value::Array(Array::I32(types)));
    set("unknown_token_id", Value::U32(0));
    set("bos_token_id", Value::U32(1));
    set("eos_token_id", Value::U32(2));
    set("add_bos_token", Value::Bool(true));
    set("add_space_prefix", Value::Bool(true));
    metadata
}

/// `▁` and letters, and endlessly those before with a letter behind.
fn pieces() -> impl Iterator<Item = String> {
    let mut next: VecDeque<String> =
        ["▁".to_owned()].into_iter().chain(LETTERS.chars().map(String::from)).collect();
    std::iter::from_fn(move || {
        let piece = next.pop_front()?;
        // As many as anyone asks for.
        if next.len() < 1 << 20 {
            next.extend(LETTERS.chars().map(|letter| format!("{piece}{letter}")));
        }
        Some(piece)
    })
}
