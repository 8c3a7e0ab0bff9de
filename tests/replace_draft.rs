//! Another draft model in the middle of a generation: not a token of the text changes, and what is proposed from then on is
//! what the new draft proposes who was there from the beginning.

use crate::support;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use paceline::decode::{Event, Gamma, Generator, Options};
use paceline::drafters;
use paceline::load::{AnyDraft, AnyEngine, Device, Loaded, load_draft};
use paceline::model::draft::{Input, Origin};
use paceline::model::tiny::{DraftParts, Tiny};
use paceline::round::{Engine, Rules};
use paceline::sampling::Sampling;
use pollster::block_on;
use support::devices::{DEVICES, engine, loaded};
use support::slow::Slow;
use support::{generate, lossless};

/// Tokens of a generation.
const TOKENS: usize = 48;
/// Tokens before the draft is replaced, or a few more.
const HALF: usize = 20;

fn target() -> Tiny {
    Tiny { layers: 3, ..Tiny::default() }
}

fn fed(taps: Option<Vec<usize>>) -> DraftParts {
    let origin = Origin::Target;
    DraftParts { input: Input::Hidden, embedding: origin, head: origin, ids: None, taps }
}

/// Drafts for [`target`]: what they are, and their files.
fn drafts() -> Vec<(&'static str, Vec<u8>)> {
    let small = Tiny { layers: 1, ..target() };
    let third: Vec<u32> = (0..288).filter(|id| id % 3 > 0).collect();
    vec![
        ("itself", target().gguf()),
        ("noise", Tiny { seed: 9, ..target() }.gguf()),
        ("fed by states", small.draft_gguf(&target(), &DraftParts { ids: Some(third), ..fed(None) })),
        ("fed by two layers' states", small.draft_gguf(&target(), &fed(Some(vec![0, 2])))),
    ]
}

fn prompt() -> Vec<u32> {
    lossless::prompts(lossless::VOCAB).swap_remove(14)
}

fn options(max_tokens: usize, in_flight: usize) -> Options {
    let drafter = drafters::by_name("model").expect("a drafter");
    Options { drafter, max_tokens, gamma: Gamma::Fixed(3), in_flight: Some(in_flight), ..Options::default() }
}

fn plain(device: Device) -> Vec<u32> {
    let options = Options { max_tokens: TOKENS, ..Options::default() };
    generate(&mut Generator::new(engine(device, &target().gguf(), None)), &prompt(), options).0
}

/// Steps until there are `tokens` tokens, or to the end: what each round proposed and had accepted.
fn rounds<E: Engine>(generator: &mut Generator<E>, tokens: usize) -> Vec<(usize, usize)> {
    let (mut rounds, mut said) = (Vec::new(), 0);
    while said < tokens {
        match block_on(generator.step()).expect("a step") {
            Event::Tokens { drafted, accepted, tokens, .. } => {
                said += tokens.len();
                rounds.push((drafted, accepted));
            }
            Event::Prefill { .. } => {}
            Event::Finished(_) => break,
        }
    }
    rounds
}

fn load_for(loaded: &Loaded, file: &[u8]) -> AnyDraft {
    block_on(load_draft(vec![file], &loaded.engine, &loaded.tokenizer)).expect("a draft")
}

/// A draft's name, its file, and it.
type Named = (&'static str, Vec<u8>, AnyDraft);

/// Engines with a first draft or none, and the others for them.
fn engines(device: Device) -> Vec<(&'static str, AnyEngine, Vec<Named>)> {
    let all = drafts();
    let firsts = all.iter().map(|(name, file)| (*name, Some(&file[..]))).chain([("none", None)]);
    let with_others = firsts.map(|(first, file)| {
        let loaded = loaded(device, &target().gguf(), file);
        let others = all.iter().filter(|(name, _)| *name != first);
        let others = others.map(|(name, file)| (*name, file.clone(), load_for(&loaded, file))).collect();
        (first, loaded.engine, others)
    });
    with_others.collect()
}

#[test]
fn the_text_stays_and_the_new_draft_proposes_what_it_would_have() {
    for device in DEVICES {
        let expected = plain(device);
        for (first, engine, others) in engines(device) {
            for (second, file, draft) in others {
                let case = format!("{device:?}, {first}, then {second}");
                let mut generator = Generator::new(engine.another().expect("room"));
                let begin = options(TOKENS, 1);
                let drafter = if first == "none" { Options::default().drafter } else { begin.drafter };
                generator.start(&prompt(), Options { drafter, ..begin }).expect("a prompt that fits");
                let before = rounds(&mut generator, HALF);
                block_on(generator.replace_draft(draft)).expect("a draft that fits");
                let said = generator.generated().len();
                let after = rounds(&mut generator, TOKENS);
                assert_eq!(generator.generated(), expected, "{case}");

                if first != "none" {
                    let mut fresh =
                        Generator::new(support::devices::engine(device, &target().gguf(), Some(&file)));
                    let context = [&prompt()[..], &expected[..said]].concat();
                    fresh.start(&context, options(TOKENS - said, 1)).expect("a prompt that fits");
                    assert_eq!(after, rounds(&mut fresh, TOKENS), "{case}");
                }
                let accepted = |rounds: &[(usize, usize)]| rounds.iter().map(|round| round.1).sum::<usize>();
                println!("{case}: {} accepted, then {}", accepted(&before), accepted(&after));
                if (first, second) == ("noise", "itself") {
                    assert!(after.iter().all(|(drafted, accepted)| drafted == accepted), "{case}: {after:?}");
                    assert!(accepted(&after) > accepted(&before) + 10, "{case}");
                }
            }
        }
    }
}

#[test]
fn rounds_in_flight_end_first_and_none_of_their_tokens_is_lost() {
    let device = Device::WebGpu;
    let expected = plain(device);
    for (first, engine, others) in engines(device).into_iter().filter(|(first, ..)| *first != "none") {
        for (second, _, draft) in others {
            let mut generator = Generator::new(engine.another().expect("room"));
            generator.start(&prompt(), options(TOKENS, 4)).expect("a prompt that fits");
            let mut events = rounds(&mut generator, HALF);
            assert!(generator.engine().in_flight() > 0, "nothing is in flight");
            block_on(generator.replace_draft(draft)).expect("a draft that fits");
            events.extend(rounds(&mut generator, TOKENS));
            assert_eq!(generator.generated(), expected, "{first}, then {second}");
            let tokens: usize = events.iter().map(|(_, accepted)| accepted + 1).sum();
            // The last round may be cut off within what it accepted.
            assert!((TOKENS..=TOKENS + 1).contains(&tokens), "{tokens} tokens in events");
        }
    }
}

/// The same model as draft has the same law: all of it is accepted, if that law is what it is verified against.
#[test]
fn sampling_goes_on_with_the_new_drafts_law() {
    for device in DEVICES {
        let loaded = loaded(device, &target().gguf(), Some(&drafts()[1].1));
        let itself = load_for(&loaded, &drafts()[0].1);
        let mut generator = Generator::new(loaded.engine);
        let sampling = Sampling { temperature: 0.9, seed: 5, ..Sampling::default() };
        let rules = Rules { sampling, ..Rules::default() };
        generator.start(&prompt(), Options { rules, ..options(TOKENS, 1) }).expect("a prompt that fits");
        let before = rounds(&mut generator, HALF);
        assert!(before.iter().any(|(drafted, accepted)| accepted < drafted), "{before:?}");
        block_on(generator.replace_draft(itself)).expect("a draft that fits");
        let after = rounds(&mut generator, TOKENS);
        assert!(after.iter().all(|(drafted, accepted)| drafted == accepted), "{device:?}: {after:?}");
        assert_eq!(generator.generated().len(), TOKENS);
    }
}

#[test]
fn a_draft_of_another_target_is_refused_and_the_one_before_goes_on() {
    let narrow = Tiny { width: 32, ..target() };
    let large = Tiny { vocab: 300, head_vocab: 300, ..target() };
    let other = Tiny { seed: 9, ..target() };
    let small = |of: &Tiny| Tiny { layers: 1, ..of.clone() };
    let cases = [
        (
            &narrow,
            small(&narrow).draft_gguf(&narrow, &fed(None)),
            "made for a target of width 32, this one has 64",
        ),
        (&large, large.gguf(), "says 300 token ids, and the target reads 288"),
        (&other, small(&other).draft_gguf(&other, &fed(None)), "loaded for another one"),
    ];
    for device in DEVICES {
        let engine = engine(device, &target().gguf(), Some(&drafts()[0].1));
        let make = || engine.another().expect("room");
        let mut uninterrupted = Generator::new(make());
        uninterrupted.start(&prompt(), options(TOKENS, 1)).expect("a prompt that fits");
        let expected = rounds(&mut uninterrupted, TOKENS);
        for (other, file, why) in &cases {
            let strange = load_for(&loaded(device, &other.gguf(), None), file);
            let mut generator = Generator::new(make());
            generator.start(&prompt(), options(TOKENS, 1)).expect("a prompt that fits");
            let mut found = rounds(&mut generator, HALF);
            let error = block_on(generator.replace_draft(strange)).expect_err("a draft that does not fit");
            assert_eq!(error.code(), "draft-mismatch");
            assert!(error.to_string().contains(why), "{error}");
            found.extend(rounds(&mut generator, TOKENS));
            assert_eq!(generator.generated(), uninterrupted.generated());
            assert_eq!(found, expected, "{device:?}, {why}");
        }
    }
}

#[test]
fn a_replacement_that_is_dropped_leaves_no_trace_in_what_comes_next() {
    let expected = plain(Device::Cpu);
    for device in DEVICES {
        let loaded = loaded(device, &target().gguf(), Some(&drafts()[1].1));
        let draft = load_for(&loaded, &drafts()[3].1);
        for waits in 0.. {
            let mut generator = Generator::new(Slow(loaded.engine.another().expect("room")));
            generator.start(&prompt(), options(TOKENS, 3)).expect("a prompt that fits");
            rounds(&mut generator, HALF);
            let finished = {
                let mut future = pin!(generator.replace_draft(draft.clone()));
                let mut context = Context::from_waker(Waker::noop());
                (0..waits).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(Ok(()))))
            };
            if !finished {
                generator.start(&prompt(), options(TOKENS, 3)).expect("a prompt that fits");
            }
            rounds(&mut generator, TOKENS);
            assert_eq!(generator.generated(), expected, "{device:?}, dropped after {waits} waits");
            if finished {
                assert!(waits > 2, "it hardly waits");
                break;
            }
        }
    }
}
