//! Targets that say fewer ids than they read, as pruned files do: what is proposed beyond their heads is never said.

use crate::support;

use paceline::decode::{Gamma, Generator, Options};
use paceline::drafters;
use paceline::model::tiny::Tiny;
use paceline::round::Rules;
use paceline::sampling::Sampling;
use paceline::verify::{KINDS, Lenience, VERIFIERS};
use support::devices::{DEVICES, engine};
use support::generate;

const SAID: u32 = 200;

#[test]
fn ids_beyond_the_head_are_proposed_and_never_said() {
    let target = Tiny { tied: false, head_vocab: SAID as usize, ..Tiny::default() };
    // The last words occurred before, and what followed them cannot be said.
    let words: Vec<u32> = (0..8).flat_map(|i| [i, i + 50, SAID + 40 + i, SAID + i]).collect();
    let prompt = [&words[..], &words[..], &words[..2]].concat();
    for device in DEVICES {
        let mut generator = Generator::new(engine(device, &target.gguf(), None));
        let mut drafted = 0;
        for seed in 0..40u64 {
            let lenience = seed.is_multiple_of(2).then_some(Lenience { kind: &KINDS[0], epsilon: 0.05 });
            let temperature = if seed % 4 < 2 { 0.0 } else { 1.5 };
            let options = Options {
                max_tokens: 3,
                gamma: Gamma::Fixed(3),
                drafter: drafters::by_name("ngram").expect("a drafter"),
                rules: Rules {
                    sampling: Sampling { temperature, seed, ..Sampling::default() },
                    verifier: VERIFIERS[seed as usize / 4 % VERIFIERS.len()],
                    lenience,
                    ..Rules::default()
                },
                ..Options::default()
            };
            let said = generate(&mut generator, &prompt, options).0;
            drafted += generator.stats().drafted;
            assert!(said.len() == 3 && said.iter().all(|id| *id < SAID), "{device:?}, seed {seed}: {said:?}");
        }
        assert!(drafted > 40, "{device:?}: {drafted} proposed");
    }
}
