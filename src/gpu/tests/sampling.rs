//! The sampler's kernels: decisions against the host, bit for bit, and the law of what they say.

use super::device;
use crate::gpu::rigs::{Rig, replay::replay};
use crate::round::{Proposal, Rules};
use crate::sampling::{MAX_PENALTY_WINDOW, ONE, Sampling, adjust, probabilities};

#[test]
fn ten_thousand_rounds_are_decided_as_on_the_host() {
    let replayed = pollster::block_on(replay(&device(), 10_000, 0x0123_4567_89ab_cdef)).unwrap();
    assert_eq!(replayed.rounds, 10_000);
    assert!(replayed.accepted > 5_000 && replayed.decisions > 30_000 && replayed.found > 500, "{replayed:?}");
}

/// Rows of probabilities: as the host makes them from the same logits, up to how `exp` rounds.
#[test]
fn rows_are_those_of_the_host() {
    let device = device();
    let warm = Sampling { temperature: 0.8, ..Sampling::default() };
    let cases = [
        warm.clone(),
        Sampling { top_k: 1, ..warm.clone() },
        Sampling { top_k: 13, ..warm.clone() },
        Sampling { top_p: 0.5, ..warm.clone() },
        Sampling { top_k: 40, top_p: 0.8, min_p: 0.1, ..warm.clone() },
        Sampling { min_p: 0.05, temperature: 2.0, ..warm.clone() },
        Sampling { repeat_penalty: 1.5, penalty_window: 3, ..warm.clone() },
        Sampling {
            presence_penalty: 0.7,
            frequency_penalty: 0.4,
            penalty_window: MAX_PENALTY_WINDOW,
            logit_bias: vec![(0, 1.5), (7, -30.0), (66, 2.5)],
            ..warm
        },
    ];
    for vocab in [67, 4096, 9001] {
        for (i, sampling) in cases.iter().enumerate() {
            let rules = Rules { sampling: sampling.clone(), ..Rules::default() };
            let mut rig = Rig::new(&device, vocab, 3, 0.5, &rules).unwrap();
            let (mut rows, mut other_sets) = (0, 0);
            for round in 0..if vocab == 67 { 60 } else { 4 } {
                let proposal = [round % 7, 7, round % 7];
                let decided = pollster::block_on(rig.round(&Proposal::chain(proposal.to_vec()))).unwrap();
                for (row, found) in decided.target.chunks(vocab).enumerate() {
                    let history = [&decided.context[..], &proposal[..row]].concat();
                    let mut logits = Rig::target_logits(vocab, &history);
                    adjust(&mut logits, &history, sampling);
                    let mut expected = vec![0; vocab];
                    probabilities(&logits, sampling, &mut expected);
                    // A token on the edge of what is kept may fall on either side of it.
                    let sets_differ = found.iter().zip(&expected).any(|(a, b)| (*a == 0) != (*b == 0));
                    let apart: u64 =
                        found.iter().zip(&expected).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
                    let apart = apart as f64 / f64::from(ONE);
                    assert!(sets_differ || apart < 2e-4, "{vocab}, case {i}, row {row}: {apart} apart");
                    rows += 1;
                    other_sets += usize::from(sets_differ && apart > 2e-4);
                }
            }
            assert!(
                other_sets * 20 <= rows,
                "{vocab}, case {i}: {other_sets} of {rows} rows keep other tokens"
            );
        }
    }
}
