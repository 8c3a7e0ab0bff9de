//! The tokenizer of a GGUF file, built with the `tokenizers` crate from the file's metadata.

use super::Error;
use crate::gguf::Metadata;

/// Text to token ids and back.
pub struct Tokenizer {}

impl Tokenizer {
    /// Builds the tokenizer that `metadata` describes (`tokenizer.ggml.*`).
    pub fn from_metadata(_metadata: &Metadata) -> Result<Self, Error> {
        todo!()
    }

    /// Token ids of `text`. Special tokens written out in the text (`<|im_start|>`) become their ids;
    /// nothing is added in front or behind except the BOS token where the file asks for it (`add_bos_token`).
    pub fn encode(&self, _text: &str) -> Result<Vec<u32>, Error> {
        todo!()
    }

    /// The bytes of one token: not always whole characters. Special (control) tokens give none.
    pub fn token_bytes(&self, _id: u32) -> &[u8] {
        todo!()
    }

    /// Text of `ids`, special tokens left out, invalid UTF-8 replaced.
    pub fn decode(&self, _ids: &[u32]) -> String {
        todo!()
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> usize {
        todo!()
    }

    /// The ids that end a generation (`eos`, `eot`, `eom` and the usual end-of-turn tokens).
    pub fn stop_ids(&self) -> &[u32] {
        todo!()
    }

    /// Two tokenizers with equal fingerprints give equal ids for every text: a hash over the pre-tokenizer's
    /// name, tokens, types and merges.
    pub fn fingerprint(&self) -> u64 {
        todo!()
    }
}
