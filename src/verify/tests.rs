//! What the verifiers of sampled text have in common. Their law is checked in `tests/sampling_law.rs`.

use super::*;
use crate::sampling::ONE;
use crate::sampling::random::{Draw, Draws, Philox, Stream};

/// A row that is certain.
fn certain(id: usize) -> Vec<u32> {
    (0..8).map(|i| if i == id { ONE } else { 0 }).collect()
}

fn draws(seed: u64) -> Draws {
    Draws::new(Philox::new(seed), 3)
}

#[test]
fn certain_rows_are_verified_as_greedily() {
    let cases: [(&[u32], &[usize], usize, u32); 5] = [
        (&[], &[5], 0, 5),
        (&[5, 6], &[5, 6, 7], 2, 7),
        (&[5, 6], &[5, 1, 7], 1, 1),
        (&[5, 6], &[4, 6, 7], 0, 4),
        (&[9, 6], &[4, 6, 7], 0, 4), // not an id that the target predicts
    ];
    for (proposal, target, accepted, next) in cases {
        let rows: Vec<Vec<u32>> = target.iter().map(|&id| certain(id)).collect();
        let target: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let drafted: Vec<Vec<u32>> = proposal.iter().map(|&id| certain(id as usize)).collect();
        let drafted: Vec<&[u32]> = drafted.iter().map(Vec::as_slice).collect();
        for spec in VERIFIERS {
            let verifier = (spec.make)();
            for draft in [Draft::PointMass, Draft::Rows(&drafted)] {
                for seed in 0..50 {
                    let block = Sampled { position: 10, proposal, target: &target, draft };
                    let verdict = verifier.verify(&block, &mut draws(seed));
                    assert_eq!(verdict, Verdict { accepted, next }, "{} of {proposal:?}", spec.name);
                }
            }
        }
    }
}

/// Tokens of the target's own law are all kept, by every verifier.
#[test]
fn a_draft_that_is_the_target_is_always_kept() {
    let row = [ONE / 2, ONE / 3, ONE - ONE / 2 - ONE / 3];
    let (target, drafted) = ([&row[..]; 4], [&row[..]; 3]);
    for seed in 0..200 {
        let mut draws = draws(seed);
        let mut draw = |i: u32| draws.token(Draw { position: 10 + i, stream: Stream::Draft, slot: 0 }, &row);
        let proposal = [draw(0), draw(1), draw(2)];
        let block =
            Sampled { position: 10, proposal: &proposal, target: &target, draft: Draft::Rows(&drafted) };
        for spec in VERIFIERS {
            assert_eq!((spec.make)().verify(&block, &mut draws).accepted, 3, "{}", spec.name);
        }
    }
}

#[test]
fn random_words_decide_with_the_right_probability() {
    let at = |position| Draw { position, stream: Stream::Accept, slot: 0 };
    let mut draws = draws(1);
    let word = u128::from(draws.word(at(0)));
    assert!(draws.bernoulli(at(0), word + 1, 1 << 32) && !draws.bernoulli(at(0), word, 1 << 32));
    let most = 1 << 62;
    for position in 0..1000 {
        assert!(draws.bernoulli(at(position), most, most) && draws.bernoulli(at(position), 3, 2));
        assert!(!draws.bernoulli(at(position), 0, most) && !draws.bernoulli(at(position), 0, 1));
    }
    let kept = (0..10_000).filter(|&position| draws.bernoulli(at(position), 3, 10)).count();
    assert!((2800..3200).contains(&kept), "{kept} of 3000");
}

#[test]
fn verifiers_are_found_by_name() {
    for spec in VERIFIERS {
        assert_eq!(by_name(spec.name).unwrap().name, spec.name);
    }
    let Err(error) = by_name("greedy") else { panic!("it would change the law") };
    assert_eq!(error.code(), "verifier-unknown");
    assert!(error.to_string().contains("token, block"), "{error}");
}
