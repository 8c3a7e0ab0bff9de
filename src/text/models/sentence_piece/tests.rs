//! What `tests/fixtures/sentencepiece_ids.json` cannot show: files that are wrong, and any text and vocabulary.

use crate::gguf::{Array, Metadata, Value};
use crate::text::fixture::{BYTE, CONTROL, NORMAL, UNUSED, USER, set_tokens, text};
use crate::text::tiny::{MIN_SENTENCE_PIECE, sentence_piece};
use crate::text::{Error, TextStream, Tokenizer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Tokens behind the bytes of [`sentence_piece`], with score and type.
fn with(more: &[(&str, f32, i32)], change: impl FnOnce(&mut Metadata)) -> Result<Tokenizer, Error> {
    let mut metadata = sentence_piece(MIN_SENTENCE_PIECE);
    metadata.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    add(&mut metadata, more);
    change(&mut metadata);
    Tokenizer::from_metadata(&metadata)
}

fn add(metadata: &mut Metadata, more: &[(&str, f32, i32)]) {
    for (key, value) in &mut metadata.0 {
        match (key.as_str(), value) {
            ("tokenizer.ggml.tokens", Value::Array(Array::String(tokens))) => {
                tokens.extend(more.iter().map(|(token, ..)| (*token).to_owned()));
            }
            ("tokenizer.ggml.scores", Value::Array(Array::F32(scores))) => {
                scores.extend(more.iter().map(|(_, score, _)| score));
            }
            ("tokenizer.ggml.token_type", Value::Array(Array::I32(types))) => {
                types.extend(more.iter().map(|(.., kind)| kind));
            }
            _ => {}
        }
    }
}

fn scores(metadata: &mut Metadata, change: impl FnOnce(&mut Vec<f32>)) {
    let (_, value) = metadata.0.iter_mut().find(|(key, _)| key == "tokenizer.ggml.scores").unwrap();
    let Value::Array(Array::F32(scores)) = value else { panic!("scores") };
    change(scores);
}

fn without_prefix(metadata: &mut Metadata) {
    metadata.set("tokenizer.ggml.add_space_prefix", Value::Bool(false));
}

/// The id of the first token behind the bytes.
const FIRST: u32 = MIN_SENTENCE_PIECE as u32;
const A: (&str, f32, i32) = ("a", -9.0, NORMAL);
const B: (&str, f32, i32) = ("b", -9.0, NORMAL);
const SPACE: (&str, f32, i32) = ("▁", -9.0, NORMAL);

fn byte(byte: u8) -> u32 {
    3 + u32::from(byte)
}

#[test]
fn the_highest_score_goes_first_and_the_leftmost_of_equals() {
    let t = with(&[A, B, ("ab", -2.0, NORMAL), ("ba", -1.0, NORMAL), ("aa", -1.0, NORMAL)], without_prefix)
        .unwrap();
    let [a, b, ab, ba, aa] = [0, 1, 2, 3, 4].map(|i| FIRST + i);
    assert_eq!(t.encode("aba").unwrap(), [a, ba]);
    assert_eq!(t.encode("ab").unwrap(), [ab]);
    assert_eq!(t.encode("aaa").unwrap(), [aa, a]);
    assert_eq!(t.encode("baa").unwrap(), [ba, a], "of two equal scores");
    assert_eq!(t.encode("bb").unwrap(), [b, b]);
}

#[test]
fn a_text_begins_with_a_space_unless_the_file_says_no() {
    let more = [A, SPACE, ("▁a", -1.0, NORMAL), ("<x>", 0.0, USER)];
    let [a, space, space_a, x] = [0, 1, 2, 3].map(|i| FIRST + i);
    let t = with(&more, |m| m.0.retain(|(key, _)| key != "tokenizer.ggml.add_space_prefix")).unwrap();
    assert!(t.encode("").unwrap().is_empty());
    assert_eq!(t.encode("a").unwrap(), [space_a]);
    assert_eq!(t.encode(" a").unwrap(), [space, space_a], "its own space too");
    assert_eq!(t.encode("▁a").unwrap(), [space, space_a]);
    assert_eq!(t.encode("a</s>a a</s>").unwrap(), [space_a, 2, space_a, space_a, 2], "as llama.cpp");
    assert_eq!(t.encode("<x>a").unwrap(), [x, space_a]);
    assert_eq!(t.decode(&[space_a, space_a]), "a a", "only the space in front is not the text's");
    assert_eq!(t.decode(&[1, space, space_a]), " a");
    assert_eq!(t.decode(&[a, space_a]), "a a");

    let t = with(&more, without_prefix).unwrap();
    assert_eq!(t.encode("a a").unwrap(), [a, space_a]);
    assert_eq!(t.decode(&[space_a, space_a]), " a a");
}

#[test]
fn what_stands_behind_a_text_has_nothing_in_front() {
    let more = [A, SPACE, ("▁a", -1.0, NORMAL), ("<x>", 0.0, USER)];
    let [a, space, space_a, x] = [0, 1, 2, 3].map(|i| FIRST + i);
    let t = with(&more, |m| m.set("tokenizer.ggml.add_bos_token", Value::Bool(true))).unwrap();
    assert_eq!(t.encode("a").unwrap(), [1, space_a]);
    assert_eq!(t.encode_behind(&[], "a").unwrap(), [1, space_a]);
    for (before, ids) in [(space, a), (byte(b'\n'), a), (a, space_a), (x, space_a), (1, space_a)] {
        assert_eq!(t.encode_behind(&[x, before], "a").unwrap(), [ids], "behind {before}");
    }
    assert_eq!(t.encode_within("a<x>a").unwrap(), [a, x, space_a]);
    assert_eq!(t.encode_within(" a").unwrap(), [space_a]);
    assert!(t.encode_behind(&[1], "").unwrap().is_empty());
}

#[test]
fn streams_begin_as_texts_do() {
    let t = with(&[A, ("▁a", -1.0, NORMAL)], |_| ()).unwrap();
    let (a, space_a) = (FIRST, FIRST + 1);
    let say = |mut stream: TextStream, ids: &[u32]| {
        let said: String = ids.iter().map(|&id| stream.push(&t, id)).collect();
        said + &stream.finish()
    };
    assert_eq!(say(TextStream::default(), &[1, space_a, space_a]), "a a");
    assert_eq!(say(TextStream::default(), &[a, space_a]), "a a");
    assert_eq!(say(TextStream::continuing(), &[space_a, a]), " aa");
    let euro = [byte(0xe2), byte(0x82), byte(0xac)];
    assert_eq!(say(TextStream::default(), &euro), "€");
    assert_eq!(say(TextStream::default(), &[&euro[..2], &[space_a]].concat()), "\u{fffd} a");
}

#[test]
fn what_no_piece_has_is_bytes_or_else_unknown() {
    let t = with(&[A], without_prefix).unwrap();
    assert_eq!(t.encode("aé").unwrap(), [FIRST, byte(0xc3), byte(0xa9)]);
    assert_eq!(t.encode(" ").unwrap(), [byte(0xe2), byte(0x96), byte(0x81)], "▁, as the references");
    assert_eq!(t.token_bytes(byte(0xc3)), b"\xc3");
    assert_eq!(t.decode(&[byte(0xc3), byte(0xa9), byte(0xc3)]), "é\u{fffd}");

    // Some bytes, but not those of é.
    let some = |m: &mut Metadata| {
        let tokens = [("<unk>", 2), ("<0x62>", BYTE), ("<0xC3>", BYTE), ("a", NORMAL)];
        set_tokens(m, &tokens);
        scores(m, |scores| scores.truncate(4));
        m.0.retain(|(key, _)| !key.ends_with("_token_id"));
        without_prefix(m);
    };
    let t = with(&[], some).unwrap();
    assert_eq!(t.encode("aébéé€a").unwrap(), [3, 0, 1, 0, 3], "several in a row are one");
    assert_eq!(t.decode(&[3, 0, 1]), "ab");
}

#[test]
fn user_defined_tokens_go_first_and_are_never_split() {
    let t = with(
        &[A, B, ("ab", 9.0, NORMAL), ("ba", -9.0, USER), ("  ", 0.0, USER), ("▁▁▁", 0.0, USER)],
        without_prefix,
    )
    .unwrap();
    let [a, b, ab, ba, two, three] = [0, 1, 2, 3, 4, 5].map(|i| FIRST + i);
    assert_eq!(t.encode("abab").unwrap(), [a, ba, b]);
    assert_eq!(t.encode("aab").unwrap(), [a, ab]);
    assert_eq!(t.encode("     ").unwrap(), [three, two], "the longest, whichever way it is written");
    assert_eq!(t.encode("▁ ").unwrap(), [two]);
    assert_eq!(t.token_bytes(three), b"   ");
}

#[test]
fn no_text_becomes_an_unused_piece() {
    let more = [A, B, ("ab", -1.0, UNUSED), ("aba", -2.0, NORMAL), ("c", -1.0, UNUSED)];
    let t = with(&more, without_prefix).unwrap();
    assert_eq!(t.encode("abb").unwrap(), [FIRST, FIRST + 1, FIRST + 1]);
    assert_eq!(t.encode("aba").unwrap(), [FIRST + 3], "merges pass through it");
    assert_eq!(t.encode("c").unwrap(), [byte(b'c')]);
    assert_eq!(t.token_bytes(FIRST + 2), b"");
}

#[test]
fn special_tokens_are_found_and_end_turns() {
    let more = [A, ("<end_of_turn>", 0.0, NORMAL), ("<start_of_turn>", 0.0, CONTROL), ("</h>", 0.0, USER)];
    let t = with(&more, |m| m.set("tokenizer.ggml.add_bos_token", Value::Bool(true))).unwrap();
    assert_eq!(t.stop_ids(), [2, FIRST + 1]);
    let ids = t.encode("<s><start_of_turn>a<end_of_turn></h>").unwrap();
    assert_eq!(ids[..2], [1, FIRST + 2]);
    assert_eq!(ids[ids.len() - 2..], [FIRST + 1, FIRST + 3]);
    assert_eq!(t.encode("<unk>").unwrap(), [1, 0]);
    assert_eq!(t.decode(&[1, FIRST, FIRST + 1, 0, 2, FIRST + 3]), "a</h>");

    // BOS is put in front where the file does not say.
    let t = with(&[A], |m| m.0.retain(|(key, _)| key != "tokenizer.ggml.add_bos_token")).unwrap();
    assert_eq!(t.encode("").unwrap(), [1]);
}

/// In Gemma, `</s>` is HTML; elsewhere a piece that merges make of other pieces is text.
#[test]
fn html_is_no_end_of_turn() {
    let html = |more: &[(&str, f32, i32)], id| {
        let t = with(more, |m| {
            let (_, tokens) = m.0.iter_mut().find(|(key, _)| key == "tokenizer.ggml.tokens").unwrap();
            let Value::Array(Array::String(tokens)) = tokens else { panic!("tokens") };
            tokens[2] = "<eos>".into();
        });
        let t = t.unwrap();
        assert_eq!(t.stop_ids(), [2]);
        assert_eq!(t.token_bytes(id), b"</s>");
        assert_eq!(t.encode("<s></s>").unwrap(), [1, id]);
    };
    html(&[("</s>", 0.0, USER), ("<start_of_turn>", 0.0, CONTROL)], FIRST);
    let whole = with(&[("</s>x", 0.0, USER)], |_| ()).unwrap();
    assert_eq!(whole.stop_ids(), [2]);

    let more = [("</", -3.0, NORMAL), ("/", -4.0, NORMAL), ("<", -4.0, NORMAL), ("|end|>", -2.0, NORMAL)];
    let made = [&more[..], &[("<|end|>", -1.0, NORMAL)]].concat();
    assert_eq!(with(&made, |_| ()).unwrap().stop_ids(), [2]);
    let alone = [&more[..3], &[("<|end|>", -1.0, NORMAL)]].concat();
    assert_eq!(with(&alone, |_| ()).unwrap().stop_ids(), [2, FIRST + 3]);
}

#[test]
fn phi3_strips_the_space_behind_its_tokens() {
    let more = [
        A,
        ("▁a", 0.0, NORMAL),
        ("<|user|>", 0.0, USER),
        ("<|end|>", 0.0, CONTROL),
        ("<|endoftext|>", 0.0, CONTROL),
    ];
    let [a, space_a, user, end, text_end] = [0, 1, 2, 3, 4].map(|i| FIRST + i);
    let architecture =
        |name: &'static str| with(&more, move |m| m.set("general.architecture", text(name))).unwrap();
    let phi = architecture("phi3");
    assert_eq!(phi.encode("<|user|>\na<|end|> \n\t<|user|>").unwrap(), [user, space_a, end, user]);
    let kept = [text_end, byte(0xe2), byte(0x96), byte(0x81), byte(b'\n'), a];
    assert_eq!(phi.encode("<|endoftext|>\na").unwrap(), kept);
    assert_eq!(
        architecture("llama").encode("<|user|>\na").unwrap()[0..5],
        [&[user], &kept[1..]].concat()[0..5]
    );
}

#[test]
fn extra_spaces_are_removed_where_the_file_asks() {
    let t =
        with(&[A, SPACE], |m| m.set("tokenizer.ggml.remove_extra_whitespaces", Value::Bool(true))).unwrap();
    let (a, space) = (FIRST, FIRST + 1);
    assert_eq!(t.encode("  a   a  ").unwrap(), [space, a, space, a]);
    assert!(t.encode("   ").unwrap().is_empty());
}

#[test]
fn a_map_of_characters_is_left_out_and_told() {
    let t = with(&[A], |m| m.set("tokenizer.ggml.precompiled_charsmap", Value::Array(Array::U8(vec![1]))))
        .unwrap();
    assert!(t.warnings().iter().any(|words| words.contains("precompiled_charsmap")), "{:?}", t.warnings());
    assert!(with(&[A], |_| ()).unwrap().warnings().is_empty());
}

#[test]
fn pairs_share_their_pieces() {
    let one = with(&[A, B], |_| ()).unwrap();
    assert_eq!(one.fingerprint(), with(&[A, B], |_| ()).unwrap().fingerprint());
    // Only the target's tokenizer encodes, so a draft's scores and prefix do not count.
    let other = with(&[A, ("b", -8.0, NORMAL)], without_prefix).unwrap();
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert_eq!(one.compatible(&other), Ok(()));
    let other = with(&[A, ("▁b", -8.0, NORMAL)], |_| ()).unwrap();
    let words = one.compatible(&other).unwrap_err();
    assert_eq!(words, format!("token {} is \"b\" in this tokenizer, \" b\" in the other", FIRST + 1));
    assert_eq!(one.compatible(&with(&[A], |_| ()).unwrap()), Ok(()), "a shorter vocabulary");
    let padded = with(&[A, B, ("", 0.0, UNUSED), ("[PAD7]", 0.0, UNUSED)], |_| ()).unwrap();
    assert_eq!(one.compatible(&padded), Ok(()));
    let bpe = crate::text::fixture::tokenizer(|_| ()).unwrap();
    assert!(one.compatible(&bpe).is_err() && bpe.compatible(&one).is_err());
}

#[test]
fn wrong_files_are_refused() {
    let corrupt = |change: &dyn Fn(&mut Metadata), words: &str| {
        let error = with(&[A, B], change).err().expect(words);
        assert_eq!(error.code(), "tokenizer-corrupt", "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    corrupt(&|m| scores(m, |scores| scores.truncate(5)), "261 tokens but 5 scores");
    corrupt(&|m| scores(m, |scores| scores[260] = f32::NAN), "the score of token 260 is no number");
    corrupt(&|m| add(m, &[("a", 0.0, NORMAL)]), "tokens 259 and 261 are both \"a\"");
    corrupt(&|m| add(m, &[("x", 0.0, BYTE)]), "not <0x00> to <0xFF>");
    corrupt(&|m| set_tokens(m, &[]), "vocabulary is empty");
    corrupt(&|m| add(m, &[("x", 0.0, 7)]), "unknown type 7");
    let bare = |m: &mut Metadata| {
        set_tokens(m, &[("a", NORMAL)]);
        scores(m, |scores| scores.truncate(1));
        m.0.retain(|(key, _)| !key.ends_with("_token_id"));
    };
    corrupt(&bare, "neither a token for every byte nor one for what is unknown");

    for key in ["scores", "token_type"].map(|key| format!("tokenizer.ggml.{key}")) {
        let error = with(&[A], |m| m.0.retain(|(k, _)| *k != key)).err().expect("an error");
        assert_eq!(error.code(), "gguf-metadata");
        assert!(error.to_string().contains(&key), "{error}");
        let error = with(&[A], |m| m.set(key.clone(), text("none"))).err().expect("an error");
        assert_eq!(error.code(), "gguf-metadata");
        assert!(error.to_string().contains(&key), "{error}");
    }
}

#[test]
fn scores_are_integers_too() {
    for values in
        [Array::I32((0..262).collect()), Array::I64((0..262).collect()), Array::U16((0..262).collect())]
    {
        let t = with(&[A, B, ("ab", 0.0, NORMAL)], |m| {
            without_prefix(m);
            m.set("tokenizer.ggml.scores", Value::Array(values.clone()));
        });
        assert_eq!(t.unwrap().encode("ab").unwrap(), [FIRST + 2], "{values:?}");
    }
}

#[test]
fn scores_of_64_bits_and_of_no_bounds() {
    let t = with(&[A, B, ("ab", 0.0, NORMAL)], |m| {
        without_prefix(m);
        let values = (0..262).map(|i| if i == 261 { f64::NEG_INFINITY } else { -0.5 }).collect();
        m.set("tokenizer.ggml.scores", Value::Array(Array::F64(values)));
    });
    assert_eq!(t.unwrap().encode("ab").unwrap(), [FIRST + 2]);
}

/// Milliseconds for a quarter of a million tokens, and for a megabyte of one letter; a hundred times that is a bug.
#[test]
fn large_vocabularies_and_texts_are_quick() {
    let start = std::time::Instant::now();
    let t = Tokenizer::from_metadata(&sentence_piece(262_144)).unwrap();
    let built = start.elapsed();
    let start = std::time::Instant::now();
    let texts = ["e".repeat(1 << 20), "ete ".repeat(1 << 18), "€".repeat(1 << 18)];
    for text in &texts {
        assert_eq!(t.decode(&t.encode(text).unwrap()), *text);
    }
    println!("built in {built:?}; 2.75 MiB encoded in {:?}", start.elapsed());
    assert!(built.as_secs() < 10 && start.elapsed().as_secs() < 30);
}

proptest! {
    #[test]
    fn texts_come_back(
        words in vec("[etaois ▁]{0,6}|\\PC{0,3}|[ \\n]{0,3}|é😀", 0..6),
        vocab in (MIN_SENTENCE_PIECE + 1)..900,
        prefix in any::<bool>(),
    ) {
        let mut m = sentence_piece(vocab);
        m.set("tokenizer.ggml.add_space_prefix", Value::Bool(prefix));
        let t = Tokenizer::from_metadata(&m).unwrap();
        let text = words.concat();
        let ids = t.encode(&text).unwrap();
        prop_assert_eq!(ids[0], 1);
        prop_assert!(ids.iter().all(|&id| (id as usize) < vocab));
        prop_assert_eq!(t.decode(&ids), text.replace('▁', " "));
        let mut stream = TextStream::default();
        let streamed: String = ids.iter().map(|&id| stream.push(&t, id)).collect();
        prop_assert_eq!(streamed + &stream.finish(), text.replace('▁', " "));
    }

    #[test]
    fn any_vocabulary_is_refused_or_encodes(
        more in vec((
            "[ab▁ ]{1,4}|<[ab/]>|<0x4[0-9]>|é|",
            prop_oneof![(-4i32..4).prop_map(|score| score as f32), any::<f32>()],
            prop_oneof![20 => 1i32..6, 1 => -1i32..8],
        ), 0..12),
        keys in vec((select(vec!["bos", "eos", "eot", "unknown"]), 255u32..268), 0..3),
        switches in vec(any::<bool>(), 4),
        architecture in select(vec!["llama", "phi3"]),
        bytes in any::<bool>(),
        text in "[ab ▁\\n]{0,12}(<[ab/]>|<s>)?[ab ]{0,3}\\PC{0,4}",
    ) {
        let more: Vec<_> = more.iter().map(|(token, score, kind)| (token.as_str(), *score, *kind)).collect();
        let t = with(&more, |m| {
            for (key, id) in keys {
                m.set(format!("tokenizer.ggml.{key}_token_id"), Value::U32(id));
            }
            for (key, on) in ["add_bos_token", "add_space_prefix", "remove_extra_whitespaces"].iter().zip(&switches) {
                m.set(format!("tokenizer.ggml.{key}"), Value::Bool(*on));
            }
            m.set("general.architecture", Value::String(architecture.into()));
            if !bytes {
                // What is unknown is a token, and bytes are text.
                let (_, types) = m.0.iter_mut().find(|(key, _)| key == "tokenizer.ggml.token_type").unwrap();
                let Value::Array(Array::I32(types)) = types else { panic!("types") };
                types.iter_mut().filter(|kind| **kind == BYTE).for_each(|kind| *kind = NORMAL);
            }
        });
        if let Ok(t) = t {
            let ids = t.encode(&text).unwrap();
            prop_assert!(ids.iter().all(|&id| (id as usize) < t.vocab_size()));
            let unused: Vec<_> = more.iter().map(|(.., kind)| *kind == UNUSED).collect();
            let is_unused = |id: &u32| unused.get((*id as usize).wrapping_sub(MIN_SENTENCE_PIECE)) == Some(&true);
            prop_assert!(!ids.iter().any(|id| is_unused(id) && !t.stop_ids().contains(id) && ids[0] != *id));
            t.decode(&ids);
            prop_assert_eq!(t.compatible(&t), Ok(()));
        }
    }
}
