//! How text becomes tokens: one file and one line of [`KINDS`] a value of `tokenizer.ggml.model`.

mod byte_level_bpe;
mod sentence_piece;

use super::Error;
use super::special::Special;
use super::vocabulary::Kind;
use crate::gguf::Metadata;

/// A tokenizer model of a file, ready for texts.
pub(super) trait Model: Send + Sync {
    /// Token ids of `text`, with no token added in front or behind. Where it does not `begin` a text but goes on with one,
    /// no space is added in front either.
    fn encode(&self, text: &str, begins: bool) -> Result<Vec<u32>, Error>;

    /// A token's text; none for an id without a token.
    fn token(&self, id: u32) -> Option<String>;

    /// The bytes that a token stands for in a text; what it gives for control and unused tokens does not matter.
    fn bytes(&self, id: u32) -> &[u8];
}

/// What a file gives besides its tokens.
pub(super) struct Built {
    pub model: Box<dyn Model>,
    pub rules: Rules,
    pub special: Special,
    /// What a user should know about how the file was understood.
    pub warnings: Vec<String>,
}

/// What tells one tokenizer from another with the same tokens.
pub(super) struct Rules {
    /// How text is cut before tokens are put together.
    pub pre_tokenizer: &'static str,
    /// How many merges there are, where they are a list.
    pub merges: Option<usize>,
    /// A hash over the merges, or over what stands in their place.
    pub hash: u64,
    /// Whether a text begins with a space that is not its own.
    pub space_prefix: bool,
}

/// A kind of tokenizer.
#[derive(Debug)]
pub(super) struct ModelKind {
    /// The value of `tokenizer.ggml.model`.
    name: &'static str,
    /// What it is called elsewhere.
    what: &'static str,
    /// Builds it from a file and its tokens, and settles the tokens' types.
    pub build: Build,
}

type Build = fn(&Metadata, &[String], &mut [Kind]) -> Result<Built, Error>;

#[rustfmt::skip]
const KINDS: [ModelKind; 2] = [
    ModelKind { name: "gpt2", what: "byte-level BPE", build: byte_level_bpe::build },
    ModelKind { name: "llama", what: "SentencePiece BPE", build: sentence_piece::build },
];

impl ModelKind {
    /// The kind called `name`.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| Error::Unsupported {
            what: "tokenizer model",
            name: name.into(),
            supported: KINDS.each_ref().map(|kind| format!("{} ({})", kind.name, kind.what)).join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_with_those_there_are() {
        for name in ["t5", "bert", "rwkv", "gemma4", ""] {
            let error = ModelKind::named(name).unwrap_err();
            assert_eq!(error.code(), "tokenizer-unsupported");
            let words = error.to_string();
            assert!(
                words.contains(&format!("tokenizer model {name:?}"))
                    && words.contains("gpt2 (byte-level BPE), llama (SentencePiece BPE)"),
                "{words}"
            );
        }
    }
}
