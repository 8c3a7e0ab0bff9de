//! Models of every family with a SentencePiece tokenizer, from their files to text, on both devices: llama with such a
//! tokenizer (TinyLlama, Mistral), gemma and phi.

use crate::support;

use paceline::decode::{Event, Generator, Options};
use paceline::drafters;
use paceline::load::Loaded;
use paceline::model::family::FAMILIES;
use paceline::model::tiny::Tiny;
use paceline::text::{TextStream, tiny};
use support::devices::{DEVICES, loaded};

const PROMPT: &str = "the rest is the rest, and é stays: the rest";

/// A model's file, with a tokenizer of another kind.
fn file(tiny: &Tiny) -> Vec<u8> {
    let mut writer = tiny.writer();
    writer.metadata.0.retain(|(key, _)| !key.starts_with("tokenizer."));
    writer.metadata.0.extend(tiny::sentence_piece(tiny.vocab).0);
    writer.finish()
}

/// The ids and the text that `drafter` lets a model say, one piece after the other.
fn said(loaded: Loaded, drafter: &str) -> (Vec<u32>, String) {
    let Loaded { engine, tokenizer, .. } = loaded;
    let prompt = tokenizer.encode(PROMPT).expect("ids");
    assert_eq!(prompt.iter().filter(|id| **id == 1).count(), 1, "one BOS");
    assert_eq!(tokenizer.decode(&prompt), PROMPT);
    let drafter = drafters::by_name(drafter).expect("a drafter");
    let mut generator = Generator::new(engine);
    generator
        .start(&prompt, Options { max_tokens: 24, drafter, ..Options::default() })
        .expect("a prompt that fits");
    let (mut stream, mut text) = (TextStream::continuing(), String::new());
    loop {
        match pollster::block_on(generator.step()).expect("a step") {
            Event::Prefill { .. } => {}
            Event::Tokens { tokens, .. } => {
                text.extend(tokens.into_iter().map(|id| stream.push(&tokenizer, id)));
            }
            Event::Finished(_) => break,
        }
    }
    let ids = generator.generated().to_vec();
    let whole = tokenizer.decode(&[&prompt[..], &ids].concat());
    assert_eq!(whole, format!("{PROMPT}{text}{}", stream.finish()), "pieces make the text");
    (ids, text)
}

#[test]
fn every_family_speaks_in_pieces() {
    for family in FAMILIES {
        let tiny = Tiny { family: family.name, ..Tiny::default() };
        let (target, draft) = (file(&tiny), file(&Tiny { layers: 1, ..tiny }));
        for device in DEVICES {
            let load = || loaded(device, &target, Some(&draft));
            let plain = said(load(), "none");
            for drafter in ["ngram", "model", "ngram+model"] {
                assert_eq!(said(load(), drafter), plain, "{}, {device:?}, {drafter}", family.name);
            }
        }
    }
}
