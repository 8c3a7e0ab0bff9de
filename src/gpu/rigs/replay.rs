//! Whether a GPU's sampler decides what it should: every draw, acceptance and residual is made again on the host from
//! the same whole probabilities and the same seed. Not a statistical test: every bit counts.

use std::rc::Rc;

use super::{Decided, Rig};
use crate::gpu::{Device, Error};
use crate::round::{Proposal, Rules};
use crate::sampling::random::{Draw, Draws, Philox, Stream};
use crate::sampling::{ONE, Sampling};
use crate::verify::{Choices as _, Draft, KINDS, Lenience, Sampled, VERIFIERS};

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Replayed {
    /// Rounds.
    pub rounds: usize,
    /// Of these, with a proposal from the lookup.
    pub found: usize,
    /// Tokens drawn or verified.
    pub decisions: usize,
    /// Proposed tokens that were accepted.
    pub accepted: usize,
}

/// What is asked of the sampler, by turns.
fn settings(seed: u64) -> Vec<(usize, Sampling)> {
    let plain = Sampling { temperature: 1.0, seed, ..Sampling::default() };
    vec![
        (67, plain.clone()),
        (67, Sampling { temperature: 0.7, top_k: 20, top_p: 0.9, min_p: 0.01, ..plain.clone() }),
        (67, Sampling { temperature: 1.5, repeat_penalty: 1.3, top_p: 0.95, seed: !seed, ..plain.clone() }),
        // More than one slice.
        (5003, Sampling { temperature: 0.3, ..plain.clone() }),
        (5003, Sampling { temperature: 0.8, top_k: 400, logit_bias: vec![(4999, 9.0)], ..plain }),
    ]
}

/// Runs `rounds` rounds of a made-up model and makes every decision again on the host.
///
/// # Errors
/// [`Error::SelfTest`] for the first that differs.
pub async fn replay(device: &Rc<Device>, rounds: usize, seed: u64) -> Result<Replayed, Error> {
    let mut all = Replayed::default();
    let settings = settings(seed);
    let verifiers = VERIFIERS.iter().filter(|spec| spec.kernel.is_some());
    let lossless = verifiers.flat_map(|spec| {
        let rules = move |sampling: &Sampling| Rules {
            sampling: sampling.clone(),
            verifier: spec,
            ..Rules::default()
        };
        settings.iter().map(move |(vocab, sampling)| (spec.name, *vocab, rules(sampling)))
    });
    // Powers are floating-point: no two devices agree on them.
    let lenient = KINDS.iter().filter(|kind| kind.is_factor()).zip([0.6, 0.3].into_iter().cycle());
    let lenient = lenient.zip(&settings).map(|((kind, epsilon), (vocab, sampling))| {
        let lenience = Some(Lenience { kind, epsilon });
        (kind.name, *vocab, Rules { sampling: sampling.clone(), lenience, ..Rules::default() })
    });
    let cases: Vec<_> = lossless.chain(lenient).collect();
    for (i, (name, vocab, rules)) in cases.iter().enumerate() {
        let gamma = 1 + i % 5;
        let mut rig = Rig::new(device, *vocab, gamma, 0.5, rules)?;
        let share = rounds / cases.len() + usize::from(i < rounds % cases.len());
        for round in 0..share {
            // Draft model, host, lookup and nobody propose by turns.
            let proposal: Vec<u32> = (0..gamma).map(|j| (round * 7 + j * j) as u32 % 11).collect();
            let proposal = match round % 4 {
                0 => Proposal::chain(proposal[..round / 4 % (gamma + 1)].to_vec()),
                1 if round % 8 == 1 => Proposal::Device { lookup: gamma, model: gamma - 1 },
                _ => Proposal::model(gamma),
            };
            let decided = rig.round(&proposal).await?;
            check(&decided, *vocab, rules)
                .map_err(|what| Error::SelfTest(format!("{name}, round {round}: {what}")))?;
            all.rounds += 1;
            all.found += usize::from(
                matches!(proposal, Proposal::Device { lookup: 1.., .. }) && decided.draft.is_empty(),
            );
            all.decisions += decided.proposal.len() + decided.tokens.len();
            all.accepted += decided.accepted;
        }
    }
    Ok(all)
}

fn check(decided: &Decided, vocab: usize, rules: &Rules) -> Result<(), String> {
    let rows = |words: &[u32]| words.chunks(vocab).map(<[u32]>::to_vec).collect::<Vec<_>>();
    let (target, draft) = (rows(&decided.target), rows(&decided.draft));
    for row in target.iter().chain(&draft) {
        let sum: u64 = row.iter().map(|&p| u64::from(p)).sum();
        if sum != u64::from(ONE) {
            return Err(format!("a row sums to {sum}"));
        }
    }
    let mut draws = Draws::new(Philox::new(rules.sampling.seed), decided.epoch);
    let length = decided.context.len();
    for (i, (row, &found)) in draft.iter().zip(&decided.proposal).enumerate() {
        let at = Draw { position: (length + i) as u32, stream: Stream::Draft, slot: 0 };
        let expected = draws.token(at, row);
        if found != expected {
            return Err(format!("drafted {found}, not {expected}"));
        }
    }
    let target: Vec<&[u32]> = target.iter().map(Vec::as_slice).collect();
    let draft: Vec<&[u32]> = draft.iter().map(Vec::as_slice).collect();
    let block = Sampled {
        position: length as u32,
        proposal: &decided.proposal,
        target: &target,
        draft: if draft.is_empty() { Draft::PointMass } else { Draft::Rows(&draft) },
    };
    let Some(verifier) = rules.verifier() else { return Err("nothing is sampled".into()) };
    let verdict = verifier.verify(&block, &mut draws);
    let mut tokens = decided.proposal[..verdict.accepted].to_vec();
    tokens.push(verdict.next);
    if (decided.accepted, &decided.tokens) != (verdict.accepted, &tokens) {
        return Err(format!("committed {:?}, not {tokens:?}", decided.tokens));
    }
    for (i, &found) in decided.overlaps.iter().enumerate() {
        let exact = block.overlap(i);
        let expected = rules.lenience.map_or(exact, |lenience| block.lenient_overlap(i, &lenience));
        let found = (found, decided.excess[i]);
        if found != (expected, expected - exact) {
            return Err(format!("row {i} overlaps by {found:?}, not {:?}", (expected, expected - exact)));
        }
    }
    Ok(())
}
