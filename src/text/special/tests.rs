use super::*;
use crate::gguf::{Array, Value};
use crate::text::Tokenizer;
use crate::text::fixture::*;
use crate::text::tiny::{MIN_SENTENCE_PIECE, sentence_piece};

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
    assert_eq!(t.unwrap().encode("hello").unwrap(), [12, 10], "llama-bpe adds it where the file is silent");
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
    for token in ["<|eot_id|>", "<|end|>", "<｜end▁of▁sentence｜>", "_<EOT>", "[PAD]", "<|file_sep|>"] {
        for kind in 0..=5 {
            let t = tokenizer(|m| assert_eq!(add_token(m, token, kind), 16)).unwrap();
            assert_eq!(t.stop_ids(), [12, 16], "{token} as {kind}");
            assert_eq!(t.token_bytes(16), b"", "{token} as {kind}");
            assert_eq!(t.encode(&format!("hello{token}hello")).unwrap(), [10, 16, 10], "{token} as {kind}");
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
            assert_eq!(t.encode("hello hello").unwrap(), [10, 11], "{key} {id}: not cut at the token's text");
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

#[test]
fn too_many_ends_are_refused_before_anything_is_made_of_them() {
    let mut metadata = metadata();
    let count = MAX_STOPS + 1;
    let tokens: Vec<String> = (0..count).map(|i| format!("token {i}")).collect();
    let mut kinds = vec![Kind::Normal; count];
    let mut read = |ids: Vec<u32>, made: fn(HashSet<&str>) -> usize| {
        metadata.set("tokenizer.ggml.eos_token_ids", Value::Array(Array::U32(ids)));
        let made = |candidates: HashSet<&'static str>, _: &[Kind]| {
            made(candidates);
            HashSet::new()
        };
        let tokens: &'static [String] = tokens.clone().leak();
        Special::read(&metadata, tokens, &mut kinds, Usual::default(), made)
    };
    let all = 0..count as u32;
    let error = read(all.clone().collect(), |_| panic!("they are looked at")).err().unwrap();
    assert!(error.to_string().contains(&format!("{count} tokens end a turn")), "{error}");
    // The same ones again and again are not more.
    let again = all.skip(1).flat_map(|id| [id; 3]).collect();
    assert_eq!(read(again, |candidates| candidates.len()).unwrap().stop_ids.len(), MAX_STOPS);
}

#[test]
fn sentence_piece_files_that_name_no_tokens_have_the_usual_ones() {
    let built = |change: fn(&mut Metadata)| {
        let mut m = sentence_piece(MIN_SENTENCE_PIECE + 9);
        m.0.retain(|(key, _)| !key.ends_with("_token_id") && !key.ends_with("add_bos_token"));
        change(&mut m);
        Tokenizer::from_metadata(&m).unwrap()
    };
    let usual = built(|_| ());
    assert_eq!((usual.encode("").unwrap(), usual.stop_ids()), (vec![1], &[2][..]));
    let same = Tokenizer::from_metadata(&sentence_piece(MIN_SENTENCE_PIECE + 9)).unwrap();
    assert_eq!(usual.fingerprint(), same.fingerprint());
    let none = |m: &mut Metadata| m.set("tokenizer.ggml.bos_token_id", Value::I32(-1));
    assert_eq!(built(none).encode("").unwrap(), [1], "as llama.cpp with ids that are no tokens");
    let others = built(|m| {
        m.set("tokenizer.ggml.bos_token_id", Value::U32(2));
        m.set("tokenizer.ggml.eos_token_id", Value::U32(1));
    });
    assert_eq!((others.encode("").unwrap(), others.stop_ids()), (vec![2], &[1, 2][..]));
    // Byte-level vocabularies have no such order.
    assert_eq!(tokenizer(|m| m.0.retain(|(key, _)| !key.ends_with("_token_id"))).unwrap().stop_ids(), [12]);
}
