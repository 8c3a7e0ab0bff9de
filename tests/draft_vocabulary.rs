//! Drafts whose vocabulary is longer or shorter than the target's: they run, and change no token.

use crate::support;

use paceline::decode::{Gamma, Generator, Options};
use paceline::drafters;
use paceline::gguf::Format;
use paceline::load::AnyEngine;
use paceline::model::Role;
use paceline::model::tiny::Tiny;
use paceline::round::Rules;
use paceline::sampling::Sampling;
use paceline::verify::{self, VERIFIERS};
use support::devices::{DEVICES, engine};
use support::{generate, lossless};

/// A target whose head is its embedding, with a bias, or not.
fn target(tied: bool) -> Tiny {
    let biases = if tied { vec![Role::OutputBias] } else { vec![] };
    Tiny { layers: 3, tied, biases, ..Tiny::default() }
}

/// The same with fewer layers and so many tokens.
fn draft(target: &Tiny, vocab: usize) -> Tiny {
    Tiny { layers: 2, vocab, head_vocab: vocab, format: Format::Q8_0, ..target.clone() }
}

fn options(drafter: &str, sampling: &Sampling, verifier: &'static verify::Spec) -> Options {
    Options {
        max_tokens: 24,
        gamma: Gamma::Fixed(4),
        drafter: drafters::by_name(drafter).expect("a drafter"),
        rules: Rules { sampling: sampling.clone(), verifier, ..Rules::default() },
        ..Options::default()
    }
}

#[test]
fn a_longer_or_shorter_draft_changes_no_token() {
    // Every id of the target's: those of the end are unknown to the shorter draft.
    let prompts: Vec<Vec<u32>> = lossless::prompts(lossless::VOCAB).split_off(32);
    assert!(prompts.iter().flatten().any(|id| *id >= 280));
    for (device, tied) in DEVICES.into_iter().flat_map(|device| [(device, true), (device, false)]) {
        let target = target(tied);
        let mut plain: Generator<AnyEngine> = Generator::new(engine(device, &target.gguf(), None));
        for vocab in [280, 309] {
            let draft = draft(&target, vocab);
            let mut drafted = Generator::new(engine(device, &target.gguf(), Some(&draft.gguf())));
            let mut accepted = 0;
            for prompt in &prompts {
                let greedy = Sampling::default();
                let expected = generate(&mut plain, prompt, options("none", &greedy, verify::best())).0;
                let said = generate(&mut drafted, prompt, options("model", &greedy, verify::best())).0;
                assert_eq!(said, expected, "{device:?}, {draft:?}");
                accepted += drafted.stats().accepted;
                for verifier in VERIFIERS {
                    // Hot: ids of the end are likely too.
                    let hot = Sampling { temperature: 5.0, seed: 7, ..Sampling::default() };
                    let said = generate(&mut drafted, prompt, options("model", &hot, verifier)).0;
                    assert!(said.len() == 24 && said.iter().all(|id| *id < 288), "{device:?}, {said:?}");
                }
            }
            println!("{device:?}: {accepted} accepted");
            assert!(accepted > 20, "{device:?}: {accepted} accepted of {draft:?}");
        }
    }
}
