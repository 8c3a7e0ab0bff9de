use super::*;
use crate::gguf::{Array, Value};
use crate::text::fixture::*;
use crate::text::special::{BOS, STOPS};
use crate::text::tiny::{MIN_SENTENCE_PIECE, sentence_piece};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

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
    assert_eq!(t.encode("hexello[PAD14]").unwrap(), [8, 1, 7, 3]);
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
fn some_families_compose_characters() {
    let encode = |pre: &str| {
        let t = tokenizer(|m| m.set("tokenizer.ggml.pre", Value::String(pre.into())));
        t.unwrap().encode("e\u{301}").unwrap()
    };
    for composing in ["qwen2", "qwen35", "command-r", "olmo"] {
        assert_eq!(encode(composing), [5, 6], "{composing}");
    }
    assert_eq!(encode("gpt-2"), [1], "no tokens for the accent's bytes");
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
        |m| {
            set_tokens(m, &[("a", NORMAL), ("b", NORMAL)]);
            set_merges(m, &[]);
            m.set("tokenizer.ggml.eos_token_id", Value::U32(0));
        },
        "token 0 is \"h\" in this tokenizer, \"a\" in the other",
    );
}

#[test]
fn fingerprints_tell_sentence_pieces_apart_by_what_is_unknown_and_stripped() {
    let of = |change: &dyn Fn(&mut Metadata)| {
        let mut m = sentence_piece(MIN_SENTENCE_PIECE + 9);
        change(&mut m);
        Tokenizer::from_metadata(&m).unwrap().fingerprint()
    };
    let family = |name: &'static str| move |m: &mut Metadata| m.set("general.architecture", text(name));
    let same = of(&|_| ());
    assert_eq!(of(&family("llama")), same);
    assert_ne!(of(&family("phi3")), same);
    assert_ne!(of(&|m| m.set("tokenizer.ggml.unknown_token_id", Value::U32(2))), same);
}

#[test]
fn padding_unused_tokens_and_types_do_not_part_a_pair() {
    let same = tokenizer(|_| ()).unwrap();
    let changed = |id: usize, token: &str, kind: i32| {
        tokenizer(|m| {
            let mut tokens = tokens_of(m);
            tokens.resize(tokens.len().max(id + 1), (String::new(), UNUSED));
            tokens[id] = (token.into(), kind);
            let tokens: Vec<_> = tokens.iter().map(|(token, kind)| (token.as_str(), *kind)).collect();
            set_tokens(m, &tokens);
        })
        .unwrap()
    };
    for (id, token, kind) in [
        (13, "<|a b|>", CONTROL),
        (13, "<|a b|>", NORMAL),
        (13, "[PAD13]", UNUSED),
        (13, "<|reserved_special_token_7|>", CONTROL),
        (13, "<unused42>", USER),
        (14, "<think>", USER),
        (14, "any text", NORMAL),
        (15, "[PAD15]", NORMAL),
        (16, "[PAD16]", UNUSED),
        (40, "<think>", CONTROL),
    ] {
        let other = changed(id, token, kind);
        assert_eq!(same.compatible(&other), Ok(()), "{id} {token}");
        assert_eq!(other.compatible(&same), Ok(()), "{id} {token}");
        assert_ne!(same.fingerprint(), other.fingerprint(), "{id} {token}");
    }
    for (id, token, kind) in [
        (13, "<|a c|>", USER),
        (13, "<|a b|> ", CONTROL),
        (12, "<|im_start|>", CONTROL),
        (6, "unused", NORMAL),
        (6, "[PAD]", NORMAL),
        (15, "<0xFE>", BYTE),
    ] {
        let other = changed(id, token, kind);
        let words = same.compatible(&other).unwrap_err();
        assert!(words.starts_with(&format!("token {id} is ")), "{words}");
        assert!(other.compatible(&same).is_err());
    }
}

#[test]
fn a_missing_pre_tokenizer_is_told() {
    assert!(tokenizer(|_| ()).unwrap().warnings().is_empty());
    for (architecture, pre) in
        [("llama", "llama-bpe"), ("qwen2", "qwen2"), ("qwen3", "qwen2"), ("x", "default")]
    {
        for empty in [false, true] {
            let mut m = metadata();
            m.0.retain(|(key, _)| empty || key != "tokenizer.ggml.pre");
            m.0.iter_mut().filter(|(key, _)| key == "tokenizer.ggml.pre").for_each(|(_, v)| *v = text(""));
            m.set("general.architecture", text(architecture));
            let t = Tokenizer::from_metadata(&m).unwrap();
            let [words] = t.warnings() else { panic!("{:?}", t.warnings()) };
            assert!(words.contains("tokenizer.ggml.pre") && words.contains(pre), "{words}");
            assert_eq!(t.rules.pre_tokenizer, pre);
        }
    }
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
    let switches = ["tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token"];
    let others =
        [BOS, "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"];
    let wrong = |key| if switches.contains(&key) { text("true") } else { Value::Bool(true) };
    for key in switches.into_iter().chain(others).chain(STOPS) {
        let error = tokenizer(|m| m.set(key, wrong(key))).err().expect("an error");
        assert_eq!(error.code(), "gguf-metadata");
        assert!(error.to_string().contains(key), "{error}");
    }
    let error = tokenizer(|m| m.set("tokenizer.ggml.token_type", Value::U8(1))).err().expect("an error");
    assert_eq!(error.code(), "gguf-metadata");
    for (key, name) in [("tokenizer.ggml.model", "t5"), ("tokenizer.ggml.pre", "kimi-k2")] {
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
        for (key, id) in [BOS, STOPS[0], STOPS[1], STOPS[2]].iter().zip(ids) {
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
