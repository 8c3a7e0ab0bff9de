//! Streaming decode: text comes out as soon as its characters are whole.

use super::Tokenizer;

/// Turns a stream of token ids into pieces of text that never split a UTF-8 character.
#[derive(Debug, Default)]
pub struct TextStream {
    pending: Vec<u8>,
}

impl TextStream {
    /// The text that `id` completes; empty while a character is still incomplete.
    pub fn push(&mut self, _tokenizer: &Tokenizer, _id: u32) -> String {
        let _ = &self.pending;
        todo!()
    }

    /// What is left at the end, incomplete characters replaced by U+FFFD.
    pub fn finish(&mut self) -> String {
        todo!()
    }
}
