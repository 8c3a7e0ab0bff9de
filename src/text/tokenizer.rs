//! The tokenizer of a GGUF file, built with the `tokenizers` crate from the file's metadata.
//!
//! Byte-level BPE (`tokenizer.ggml.model` = `gpt2`) with the pre-tokenizers of `pre_tokenizers.rs`. SentencePiece
//! and WordPiece models are not built here.

use super::Error;
use super::byte_level;
use super::fnv::Fnv;
use super::pre_tokenizers::{self, PreTokenizer, Rule};
use crate::gguf::{self, Array, Metadata, Value};
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerImpl};

/// The crate's pipeline without its run-time dispatch, which would link every other model into the wasm.
type Pipeline = TokenizerImpl<BPE, NFC, PreTokenizer, ByteLevel, ByteLevel>;

/// Tokens that end a turn in one family or another; they stop a generation where they are control tokens.
const END_OF_TURN: [&str; 7] =
    ["<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "<|eom_id|>", "<|end|>", "</s>"];

/// Metadata keys of tokens that begin or end something: they are control tokens whatever their type says.
const BOS: &str = "tokenizer.ggml.bos_token_id";
const ENDS: [&str; 3] =
    ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

/// A token's type, `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Normal,
    Control,
    UserDefined,
    Byte,
    /// An id without a token: padding of the vocabulary, or an empty text.
    Unused,
}

/// Text to token ids and back.
pub struct Tokenizer {
    pipeline: Pipeline,
    kinds: Vec<Kind>,
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<u32>,
    /// The id that [`Tokenizer::encode`] puts in front.
    bos: Option<u32>,
    stop_ids: Vec<u32>,
    pre_tokenizer: &'static str,
    merges: usize,
    tokens_hash: u64,
    merges_hash: u64,
}

impl Tokenizer {
    /// Builds the tokenizer that `metadata` describes (`tokenizer.ggml.*`).
    ///
    /// # Errors
    /// [`Error::Metadata`] where a key is missing or has another type, [`Error::Unsupported`] for a model or
    /// pre-tokenizer that we do not build, [`Error::Tokenizer`] where the data contradicts itself.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, Error> {
        let model = metadata.require_string("tokenizer.ggml.model")?;
        if model != "gpt2" {
            let (what, supported) = ("tokenizer model", "gpt2 (byte-level BPE)");
            return Err(Error::Unsupported { what, name: model.into(), supported });
        }
        let rule = Rule::named(metadata.string("tokenizer.ggml.pre").unwrap_or("default"))?;
        let tokens = strings(metadata, "tokenizer.ggml.tokens")?;
        if tokens.is_empty() {
            return Err(corrupt("the vocabulary is empty"));
        }
        let mut kinds = kinds(metadata, tokens)?;

        let mut stop_ids = Vec::new();
        for key in ENDS {
            stop_ids.extend(special_id(metadata, key, &mut kinds)?);
        }
        let bos = special_id(metadata, BOS, &mut kinds)?;
        for (id, (token, kind)) in tokens.iter().zip(&kinds).enumerate() {
            if *kind == Kind::Control && END_OF_TURN.contains(&token.as_str()) {
                stop_ids.push(id as u32);
            }
        }
        stop_ids.sort_unstable();
        stop_ids.dedup();

        let add_bos = metadata.bool("tokenizer.ggml.add_bos_token");
        if add_bos == Some(true) && bos.is_none() {
            return Err(gguf::Error::Metadata { key: BOS.into(), expected: "an unsigned integer" }.into());
        }

        let (vocab, tokens_hash) = vocabulary(tokens, &kinds)?;
        let (merges, merges_hash) = merges(strings(metadata, "tokenizer.ggml.merges")?, &vocab)?;
        let merge_count = merges.len();
        let (bytes, ends) = token_bytes(tokens, &kinds)?;

        let model = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .ignore_merges(rule.ignore_merges)
            .build()
            .map_err(corrupt)?;
        let mut pipeline = Pipeline::new(model);
        pipeline.with_normalizer(rule.nfc.then_some(NFC)).map_err(corrupt)?;
        pipeline.with_pre_tokenizer(Some(PreTokenizer::new(rule)?));
        let added = tokens.iter().zip(&kinds).filter_map(|(token, kind)| match kind {
            Kind::Control => Some(AddedToken::from(token, true)),
            Kind::UserDefined => Some(AddedToken::from(token, false).normalized(false)),
            Kind::Normal | Kind::Byte | Kind::Unused => None,
        });
        pipeline.add_tokens(added).map_err(corrupt)?;

        Ok(Self {
            pipeline,
            kinds,
            bytes,
            ends,
            bos: bos.filter(|_| add_bos.unwrap_or(rule.add_bos)),
            stop_ids,
            pre_tokenizer: rule.name(),
            merges: merge_count,
            tokens_hash,
            merges_hash,
        })
    }

    /// Token ids of `text`. Special tokens written out in the text (`<|im_start|>`) become their ids;
    /// nothing is added in front or behind except the BOS token where the file asks for it (`add_bos_token`)
    /// and the text does not already begin with it, as chat templates often do.
    ///
    /// A byte that the vocabulary has no token for is left out, as the reference implementations do
    /// (SmolLM2 has none for some control characters).
    ///
    /// # Errors
    /// [`Error::Encode`] for a run of more than half a million white-space characters.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        pre_tokenizers::check_length(text)?;
        let encoding = self.pipeline.encode_fast(text, false).map_err(|e| Error::Encode(e.to_string()))?;
        let ids = encoding.get_ids();
        let bos = self.bos.filter(|bos| ids.first() != Some(bos));
        Ok(bos.into_iter().chain(ids.iter().copied()).collect())
    }

    /// The bytes of one token: not always whole characters. Special (control) tokens and ids out of range
    /// give none.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else { return &[] };
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..end as usize]
    }

    /// Text of `ids`, special tokens left out, invalid UTF-8 replaced.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.token_bytes(id)).copied().collect();
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> usize {
        self.kinds.len()
    }

    /// The ids that end a generation (`eos`, `eot`, `eom` and the usual end-of-turn tokens), ascending.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// Two tokenizers with equal fingerprints give equal ids for every text: a hash over the pre-tokenizer's
    /// name, tokens, types, merges and the BOS token that is put in front. The same in every build and on
    /// every machine.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv::new();
        hash.field(self.pre_tokenizer.as_bytes());
        hash.number(self.tokens_hash);
        hash.number(self.merges_hash);
        hash.number(self.bos.map_or(u64::MAX, u64::from));
        hash.finish()
    }

    /// Whether ids of one tokenizer mean the same to the other: the condition for a draft and its target.
    /// The BOS token in front does not count, since only the target's tokenizer encodes.
    ///
    /// # Errors
    /// The first difference, in words: `self` is "this tokenizer", `other` is "the other".
    pub fn compatible(&self, other: &Self) -> Result<(), String> {
        let (ours, theirs) = (self.vocab_size(), other.vocab_size());
        if ours != theirs {
            return Err(format!("this tokenizer has {ours} tokens, the other {theirs}"));
        }
        if self.tokens_hash != other.tokens_hash {
            for id in 0..ours {
                let (ours, theirs) = (self.token(id), other.token(id));
                if ours != theirs {
                    return Err(format!("token {id} is {ours} in this tokenizer, {theirs} in the other"));
                }
            }
        }
        if self.merges_hash != other.merges_hash {
            let (ours, theirs) = (self.merges, other.merges);
            return Err(format!("the merges differ: {ours} in this tokenizer, {theirs} in the other"));
        }
        if self.pre_tokenizer != other.pre_tokenizer {
            let (ours, theirs) = (self.pre_tokenizer, other.pre_tokenizer);
            return Err(format!("the pre-tokenizer is {ours} in this tokenizer, {theirs} in the other"));
        }
        Ok(())
    }

    /// A token in words, equal only for equal tokens.
    fn token(&self, id: usize) -> String {
        let text = tokenizers::Model::id_to_token(self.pipeline.get_model(), id as u32);
        match (self.kinds[id], text) {
            (Kind::Normal, Some(text)) => format!("{text:?}"),
            (Kind::Control, Some(text)) => format!("{text:?} (control)"),
            (Kind::UserDefined, Some(text)) => format!("{text:?} (user-defined)"),
            (Kind::Byte, Some(text)) => format!("{text:?} (byte)"),
            (Kind::Unused, _) | (_, None) => "unused".into(),
        }
    }
}

fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::Tokenizer(what.to_string())
}

fn strings<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a [String], Error> {
    let missing = || gguf::Error::Metadata { key: key.into(), expected: "an array of strings" };
    Ok(metadata.strings(key).ok_or_else(missing)?)
}

/// The type of every token; all are normal where the file has no types.
fn kinds(metadata: &Metadata, tokens: &[String]) -> Result<Vec<Kind>, Error> {
    const KEY: &str = "tokenizer.ggml.token_type";
    let types: Vec<i64> = match metadata.get(KEY) {
        None => vec![1; tokens.len()],
        Some(Value::Array(Array::I32(types))) => types.iter().map(|&t| t.into()).collect(),
        Some(Value::Array(Array::U32(types))) => types.iter().map(|&t| t.into()).collect(),
        Some(_) => {
            return Err(gguf::Error::Metadata { key: KEY.into(), expected: "an array of integers" }.into());
        }
    };
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

/// The id at `key`, marked as a control token.
fn special_id(metadata: &Metadata, key: &str, kinds: &mut [Kind]) -> Result<Option<u32>, Error> {
    if metadata.get(key).is_none() {
        return Ok(None);
    }
    let id = metadata.require_uint(key)?;
    let count = kinds.len();
    let kind = usize::try_from(id).ok().and_then(|id| kinds.get_mut(id));
    let kind = kind.ok_or_else(|| corrupt(format!("{key} is {id}, but there are {count} tokens")))?;
    if *kind == Kind::Unused {
        return Err(corrupt(format!("{key} is {id}, which is not a token")));
    }
    *kind = Kind::Control;
    Ok(Some(id as u32))
}

/// Ids of the tokens' texts, and a hash over texts and types.
fn vocabulary(tokens: &[String], kinds: &[Kind]) -> Result<(Vocab, u64), Error> {
    let mut hash = Fnv::new();
    let mut vocab = Vocab::with_capacity(tokens.len());
    for (id, (token, &kind)) in tokens.iter().zip(kinds).enumerate() {
        hash.number(kind as u64);
        if kind == Kind::Unused {
            continue;
        }
        hash.field(token.as_bytes());
        if let Some(first) = vocab.insert(token.clone(), id as u32) {
            return Err(corrupt(format!("tokens {first} and {id} are both {token:?}")));
        }
    }
    Ok((vocab, hash.finish()))
}

/// The merges as pairs of tokens, and a hash over them.
fn merges(lines: &[String], vocab: &Vocab) -> Result<(Merges, u64), Error> {
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

/// The bytes of all tokens and where each token's bytes end.
fn token_bytes(tokens: &[String], kinds: &[Kind]) -> Result<(Vec<u8>, Vec<u32>), Error> {
    let mut bytes = Vec::with_capacity(tokens.iter().map(String::len).sum());
    let mut ends = Vec::with_capacity(tokens.len());
    for (id, (token, kind)) in tokens.iter().zip(kinds).enumerate() {
        match kind {
            Kind::Normal => byte_level::push_bytes(token, &mut bytes),
            Kind::UserDefined => bytes.extend_from_slice(token.as_bytes()),
            Kind::Byte => {
                let digits = token.strip_prefix("<0x").and_then(|t| t.strip_suffix('>'));
                let byte = digits.filter(|d| d.len() == 2).and_then(|d| u8::from_str_radix(d, 16).ok());
                bytes.push(byte.ok_or_else(|| {
                    corrupt(format!("token {id} has the type byte but is {token:?}, not <0x00> to <0xFF>"))
                })?);
            }
            Kind::Control | Kind::Unused => {}
        }
        ends.push(
            u32::try_from(bytes.len()).map_err(|_| corrupt("the vocabulary has more than 4 GiB of text"))?,
        );
    }
    bytes.shrink_to_fit();
    Ok((bytes, ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    const NORMAL: i32 = 1;
    const CONTROL: i32 = 3;
    const USER: i32 = 4;
    const UNUSED: i32 = 5;
    const BYTE: i32 = 6;

    /// `h e l o Ġ Ã © ll he hell hello Ġhello <|im_end|> <|user|> [PAD] <0xFF>`, ids in this order.
    fn metadata() -> Metadata {
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
            ("[PAD]", UNUSED),
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

    fn set_tokens(metadata: &mut Metadata, tokens: &[(&str, i32)]) {
        let (texts, types) = tokens.iter().map(|&(t, k)| (t.to_owned(), k)).unzip();
        metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(texts)));
        metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    }

    fn set_merges(metadata: &mut Metadata, merges: &[&str]) {
        let merges = merges.iter().map(|&m| m.to_owned()).collect();
        metadata.set("tokenizer.ggml.merges", Value::Array(Array::String(merges)));
    }

    fn tokenizer(change: impl FnOnce(&mut Metadata)) -> Result<Tokenizer, Error> {
        let mut metadata = metadata();
        change(&mut metadata);
        Tokenizer::from_metadata(&metadata)
    }

    /// The error's words after `change`, which must be of the kind `tokenizer-corrupt`.
    fn corrupt_by(change: impl FnOnce(&mut Metadata)) -> String {
        let error = tokenizer(change).err().expect("an error");
        assert_eq!(error.code(), "tokenizer-corrupt");
        error.to_string()
    }

    fn strings_of(metadata: &mut Metadata, key: &str) -> Vec<String> {
        metadata.strings(key).unwrap().to_vec()
    }

    #[test]
    fn encodes_and_decodes() {
        let t = tokenizer(|_| ()).unwrap();
        assert_eq!(t.vocab_size(), 16);
        assert_eq!(t.encode("hello hello").unwrap(), [10, 11]);
        assert_eq!(t.encode("hel é").unwrap(), [8, 2, 4, 5, 6]);
        assert_eq!(t.encode("hello<|im_end|><|a b|>hello").unwrap(), [10, 12, 13, 10]);
        assert!(t.encode("").unwrap().is_empty());
        assert_eq!(t.decode(&[10, 11, 5, 6, 12, 13]), "hello helloé<|a b|>");
        assert_eq!(t.decode(&[5, 15]), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn text_without_tokens_is_left_out() {
        let t = tokenizer(|_| ()).unwrap();
        assert_eq!(t.encode("hexello[PAD]").unwrap(), [8, 1, 7, 3]);
    }

    #[test]
    fn bytes_of_tokens() {
        let t = tokenizer(|_| ()).unwrap();
        assert_eq!(t.token_bytes(0), b"h");
        assert_eq!(t.token_bytes(4), b" ");
        assert_eq!(t.token_bytes(5), b"\xc3");
        assert_eq!(t.token_bytes(11), b" hello");
        assert_eq!(t.token_bytes(12), b"", "control");
        assert_eq!(t.token_bytes(13), b"<|a b|>", "user-defined");
        assert_eq!(t.token_bytes(14), b"", "unused");
        assert_eq!(t.token_bytes(15), b"\xff", "byte");
        assert_eq!(t.token_bytes(16), b"", "out of range");
        assert_eq!(t.token_bytes(u32::MAX), b"", "out of range");
    }

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

    #[test]
    fn whole_pieces_skip_the_merges_only_for_llama() {
        let whole = |pre: &str| {
            let t = tokenizer(|m| {
                m.set("tokenizer.ggml.pre", Value::String(pre.into()));
                set_merges(m, &["l l"]);
            });
            t.unwrap().encode("hello").unwrap()
        };
        assert_eq!(whole("llama-bpe"), [10]);
        assert_eq!(whole("qwen2"), [0, 1, 7, 3]);
    }

    #[test]
    fn qwen2_composes_characters() {
        let encode = |pre: &str| {
            let t = tokenizer(|m| m.set("tokenizer.ggml.pre", Value::String(pre.into())));
            t.unwrap().encode("e\u{301}").unwrap()
        };
        assert_eq!(encode("qwen2"), [5, 6]);
        assert_eq!(encode("gpt-2"), [1], "no tokens for the accent's bytes");
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
    fn fingerprints_are_stable_and_tell_tokenizers_apart() {
        let same = tokenizer(|_| ()).unwrap();
        assert_eq!(same.fingerprint(), 6_469_057_953_909_045_809);
        let differs = |change: fn(&mut Metadata), words: &str| {
            let other = tokenizer(change).unwrap();
            assert_ne!(other.fingerprint(), same.fingerprint(), "{words}");
            assert_eq!(same.compatible(&other).err().as_deref(), Some(words));
            assert_eq!(other.compatible(&other), Ok(()));
        };
        differs(
            |m| m.set("tokenizer.ggml.pre", Value::String("smollm".into())),
            "the pre-tokenizer is gpt-2 in this tokenizer, smollm in the other",
        );
        differs(
            |m| set_merges(m, &["l l", "h e", "he ll", "hell o"]),
            "the merges differ: 5 in this tokenizer, 4 in the other",
        );
        differs(
            |m| {
                let mut tokens = strings_of(m, "tokenizer.ggml.tokens");
                tokens[6] = "!".into();
                m.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
            },
            "token 6 is \"©\" in this tokenizer, \"!\" in the other",
        );
        differs(
            |m| m.set("tokenizer.ggml.eos_token_id", Value::U32(13)),
            "token 13 is \"<|a b|>\" (user-defined) in this tokenizer, \"<|a b|>\" (control) in the other",
        );
        differs(
            |m| {
                set_tokens(m, &[("a", NORMAL), ("b", NORMAL)]);
                set_merges(m, &[]);
                m.set("tokenizer.ggml.eos_token_id", Value::U32(0));
            },
            "this tokenizer has 16 tokens, the other 2",
        );
    }

    #[test]
    fn corrupt_data_is_an_error() {
        let words = corrupt_by(|m| set_tokens(m, &[]));
        assert!(words.contains("vocabulary is empty"), "{words}");
        let words = corrupt_by(|m| set_tokens(m, &[("a", NORMAL), ("a", NORMAL)]));
        assert!(words.contains("there are 2 tokens") || words.contains("eos_token_id is 12"), "{words}");
        let words = corrupt_by(|m| {
            m.set("tokenizer.ggml.eos_token_id", Value::U32(0));
            set_tokens(m, &[("a", NORMAL), ("b", NORMAL), ("a", NORMAL)]);
        });
        assert!(words.contains("tokens 0 and 2 are both \"a\""), "{words}");
        let words = corrupt_by(|m| {
            m.set("tokenizer.ggml.token_type", Value::Array(Array::I32(vec![1; 3])));
        });
        assert!(words.contains("16 tokens but 3 token types"), "{words}");
        let words = corrupt_by(|m| {
            m.set("tokenizer.ggml.token_type", Value::Array(Array::U32(vec![7; 16])));
        });
        assert!(words.contains("unknown type 7"), "{words}");
        let words = corrupt_by(|m| set_tokens(m, &[("x", BYTE)]));
        assert!(words.contains("eos_token_id is 12"), "{words}");
        let words = corrupt_by(|m| {
            m.set("tokenizer.ggml.eos_token_id", Value::U32(0));
            set_merges(m, &[]);
            set_tokens(m, &[("a", NORMAL), ("<0xÿ>", BYTE)]);
        });
        assert!(words.contains("not <0x00> to <0xFF>"), "{words}");
    }

    #[test]
    fn special_ids_must_exist() {
        for key in [BOS, ENDS[0], ENDS[1], ENDS[2]] {
            for id in [Value::U32(16), Value::U64(u64::MAX), Value::U32(14)] {
                let words = corrupt_by(|m| m.set(key, id));
                assert!(words.contains(key), "{words}");
            }
            let error = tokenizer(|m| m.set(key, Value::I32(-1))).err().expect("an error");
            assert_eq!(error.code(), "gguf-metadata");
        }
    }

    #[test]
    fn merges_must_be_pairs_of_tokens() {
        for merge in ["", " ", "h", "h ", " h", "h e l", "h  e"] {
            let words = corrupt_by(|m| set_merges(m, &["l l", merge]));
            assert!(words.contains("merge 1"), "{words}");
        }
        for (merge, token) in [("z h", "z"), ("h z", "z"), ("h h", "hh"), ("hello Ġhello", "helloĠhello")] {
            let words = corrupt_by(|m| set_merges(m, &[merge]));
            assert!(words.contains(&format!("needs the token {token:?}")), "{words}");
        }
    }

    #[test]
    fn missing_or_mistyped_keys_are_errors() {
        for key in ["tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"] {
            let error = tokenizer(|m| m.set(key, Value::Bool(true))).err().expect("an error");
            assert_eq!(error.code(), "gguf-metadata");
            assert!(error.to_string().contains(key), "{error}");
        }
        let error = tokenizer(|m| m.set("tokenizer.ggml.token_type", Value::U8(1))).err().expect("an error");
        assert_eq!(error.code(), "gguf-metadata");
        for (key, name) in [("tokenizer.ggml.model", "llama"), ("tokenizer.ggml.pre", "tekken")] {
            let error = tokenizer(|m| m.set(key, Value::String(name.into()))).err().expect("an error");
            assert_eq!(error.code(), "tokenizer-unsupported");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn empty_texts_are_unused_ids() {
        let t = tokenizer(|m| {
            let mut tokens = strings_of(m, "tokenizer.ggml.tokens");
            tokens.extend([String::new(), String::new()]);
            m.set("tokenizer.ggml.token_type", Value::Array(Array::I32(vec![NORMAL; 15])));
            let mut types = vec![NORMAL; tokens.len()];
            types[12] = CONTROL;
            m.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
            m.set("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
        });
        let t = t.unwrap();
        assert_eq!(t.vocab_size(), 18);
        assert_eq!(t.token_bytes(17), b"");
    }

    proptest! {
        #[test]
        fn odd_metadata_never_panics(
            extra in vec(("[abĠ é]{2,4}|<\\|x\\|>|<0x4[0-9]>", prop_oneof![20 => 1i32..5, 1 => -1i32..8]), 0..5),
            merges in vec(prop_oneof![9 => "a b|b a|a a|Ġ a", 1 => "[ab ]{0,3}"], 0..3),
            types in prop_oneof![19 => Just(0), 1 => 0usize..3],
            pre in select(vec!["smollm", "gpt-2", "llama-bpe", "qwen2"]),
            ids in vec(prop_oneof![9 => 0u32..6, 1 => 6u32..14], 4),
            add_bos in any::<bool>(),
            text in "[ab \\né1]{0,8}(<\\|x\\|>)?\\PC{0,4}",
        ) {
            let mut m = metadata();
            let tokens: Vec<_> = ["a", "b", "Ġ", "ab", "ba", "aa", "Ġa"]
                .map(|token| (token.to_owned(), NORMAL))
                .into_iter()
                .chain(extra)
                .collect();
            set_tokens(&mut m, &tokens.iter().map(|(t, k)| (t.as_str(), *k)).collect::<Vec<_>>());
            if types > 0 {
                m.set("tokenizer.ggml.token_type", Value::Array(Array::I32(vec![1; types])));
            }
            set_merges(&mut m, &merges.iter().map(String::as_str).collect::<Vec<_>>());
            m.set("tokenizer.ggml.pre", Value::String(pre.into()));
            m.set("tokenizer.ggml.add_bos_token", Value::Bool(add_bos));
            for (key, id) in [BOS, ENDS[0], ENDS[1], ENDS[2]].iter().zip(ids) {
                m.set(*key, Value::U32(id));
            }
            if let Ok(t) = Tokenizer::from_metadata(&m) {
                let ids = t.encode(&text).unwrap();
                prop_assert!(ids.iter().all(|&id| (id as usize) < t.vocab_size()));
                t.decode(&ids);
                prop_assert_eq!(t.compatible(&t), Ok(()));
            }
        }
    }
}
