//! Generations that are dropped, at every step of every state, on an engine with another conversation in its cache:
//! what comes next is what a fresh engine says.

use crate::support;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use paceline::decode::{Event, Gamma, Generator, Options};
use paceline::drafters;
use paceline::round::Engine;
use support::devices::{DEVICES, engine};
use support::slow::Slow;
use support::{generate, lossless};

/// Tokens of a generation.
const TOKENS: usize = 6;

fn options(drafter: &str, max_tokens: usize) -> Options {
    let drafter = drafters::by_name(drafter).expect("a drafter");
    Options { drafter, max_tokens, gamma: Gamma::Fixed(3), ..Options::default() }
}

/// Begins `prompt` and drops it when it has waited `waits` times; says whether it had finished before.
fn dropped<E: Engine>(generator: &mut Generator<E>, prompt: &[u32], options: Options, waits: usize) -> bool {
    generator.start(prompt, options).expect("a prompt that fits");
    let mut future =
        pin!(async { while !matches!(generator.step().await.expect("a step"), Event::Finished(_)) {} });
    let mut context = Context::from_waker(Waker::noop());
    (0..waits).any(|_| future.as_mut().poll(&mut context) == Poll::Ready(()))
}

/// Drops generations of `prompts` everywhere, after a conversation about `before`; says how many.
fn drop_everywhere<E: Engine>(
    make: impl Fn() -> E,
    drafter: &str,
    before: &[u32],
    prompts: &[Vec<u32>],
) -> usize {
    let expected: Vec<_> = prompts
        .iter()
        .map(|prompt| generate(&mut Generator::new(make()), prompt, options("none", TOKENS)).0)
        .collect();
    let mut generator = Generator::new(Slow(make()));
    let mut drops = 0;
    for dropped_prompt in prompts {
        for (next, expected) in prompts.iter().zip(&expected) {
            for waits in 0.. {
                generate(&mut generator, before, options(drafter, TOKENS));
                let finished = dropped(&mut generator, dropped_prompt, options(drafter, TOKENS), waits);
                // Most often at once, sometimes after another that is not even begun.
                if waits % 3 == 2 {
                    generate(&mut generator, &prompts[0], options(drafter, 0));
                }
                let said = generate(&mut generator, next, options(drafter, TOKENS)).0;
                assert_eq!(&said, expected, "{drafter}, dropped after {waits} waits");
                drops += 1;
                if finished {
                    break;
                }
            }
        }
    }
    drops
}

#[test]
fn what_was_dropped_leaves_no_trace_in_what_comes_next() {
    let noise: Vec<u32> = lossless::prompts(lossless::VOCAB).pop().expect("prompts");
    let before = &noise[..80];
    // Of the same length as the conversation, so that nothing but its tokens tells them apart; one that goes on with it;
    // one that shares its beginning.
    let other: Vec<u32> = before.iter().map(|id| (id + 1) % lossless::VOCAB).collect();
    let prompts = [other, [before, &noise[90..100]].concat(), [&before[..30], &noise[40..50]].concat()];
    for device in DEVICES {
        for (pair, drafter) in [(0, "ngram"), (0, "model"), (3, "model")] {
            let pair = &lossless::pairs()[pair];
            let make = || engine(device, &pair.target, Some(&pair.draft));
            let drops = drop_everywhere(make, drafter, before, &prompts);
            println!("{device:?}, {}, {drafter}: {drops} drops", pair.name);
            assert!(drops > 9 * 10, "{drops} drops test nothing");
        }
    }
}
