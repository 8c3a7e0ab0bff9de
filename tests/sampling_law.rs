//! Speculative sampling is without loss: the text has the target's law. Proved by enumeration on table models, with
//! the library's own verifiers, and counted with its own random numbers. Five ways to get it wrong are found out.

use crate::support;

use paceline::sampling::random::{Draw, Stream};
use paceline::sampling::{ONE, Sampling, overlap};
use paceline::verify::{
    BlockWise, Choices, Draft, KINDS, Lenience, Lenient, Sampled, SamplingVerifier, TokenWise, VERIFIERS,
    Verdict,
};
use support::law::chi_square::{p_of_texts, p_value, tail};
use support::law::words::{Reuse, Words};
use support::law::{
    Algorithm, Drafter, Law, Rows, Speculative, draft, replay, text, total_variation, verify,
};

const VOCAB: u32 = 3;
const LENGTH: usize = 4;
/// Differences that rounding of `f64` explains.
const EXACT: f64 = 1e-12;
/// Differences that nothing explains.
const WRONG: f64 = 1e-3;

/// Every verifier of the table, with its name.
fn verifiers() -> impl Iterator<Item = (&'static str, Box<dyn SamplingVerifier>)> {
    VERIFIERS.iter().map(|spec| (spec.name, (spec.make)()))
}

fn at_temperature(temperature: f32) -> Sampling {
    Sampling { temperature, ..Sampling::default() }
}

/// The law of texts of [`LENGTH`] tokens.
fn law(algorithm: &dyn Algorithm, gamma: usize) -> Law {
    replay::law(|choices| text(algorithm, gamma, LENGTH, choices))
}

/// A target, and a draft for it.
struct Pair {
    name: &'static str,
    target: Rows,
    draft: Rows,
}

fn pair(name: &'static str, seed: u64, target: &Sampling, draft: &Sampling) -> Pair {
    let rows = |seed, kin, sampling| Rows::random(VOCAB, LENGTH, seed, kin, sampling);
    Pair { name, target: rows(seed, (0, 0.0), target), draft: rows(seed + 1000, (seed, 0.5), draft) }
}

fn pairs(seed: u64) -> Vec<Pair> {
    let plain = at_temperature(1.0);
    let top_k = Sampling { top_k: 2, ..at_temperature(0.8) };
    let penalties = Sampling {
        repeat_penalty: 1.5,
        presence_penalty: 0.3,
        frequency_penalty: 0.4,
        penalty_window: 2,
        logit_bias: vec![(1, 0.5)],
        ..at_temperature(0.9)
    };
    let cold = Sampling { top_p: 0.8, min_p: 0.1, ..at_temperature(0.4) };
    let mut reduced = pair("the draft knows two ids", seed, &plain, &plain);
    reduced.draft = Rows::new(VOCAB, LENGTH, |prefix| {
        // Ids beyond a row's end are never drafted.
        if prefix.len().is_multiple_of(2) { vec![ONE] } else { vec![ONE / 3, ONE - ONE / 3] }
    });
    vec![
        pair("temperature 1", seed, &plain, &plain),
        pair("top-k of the target only", seed, &top_k, &plain),
        pair("top-k of the draft only", seed, &plain, &top_k),
        pair("penalties on a branch's own history", seed, &penalties, &plain),
        pair(
            "top-p and min-p of both, other temperatures",
            seed,
            &cold,
            &Sampling { temperature: 0.9, ..cold.clone() },
        ),
        pair("a draft that hardly ever fits", seed, &at_temperature(0.2), &at_temperature(5.0)),
        reduced,
    ]
}

/// As arbitrary as it gets: depends on the whole context, proposes less than it may, and unlikely tokens.
fn lookup(context: &[u32], most: usize) -> Vec<u32> {
    let sum = context.iter().sum::<u32>() + context.len() as u32;
    let most = if sum % 5 == 4 { most.saturating_sub(1) } else { most };
    (0..most as u32).map(|i| (sum * 7 + i * i) % VOCAB).collect()
}

#[test]
fn the_law_is_the_targets_for_every_verifier_and_drafter() {
    let mut cases = 0;
    let mut largest: f64 = 0.0;
    for seed in 0..4 {
        for Pair { name, target, draft } in &pairs(seed) {
            let expected = target.law(LENGTH);
            for (rule, verifier) in verifiers() {
                let verifier = &*verifier;
                let model = Drafter::Model { drawn: draft, claimed: draft };
                for (who, drafter) in
                    [("model", model), ("lookup", Drafter::Lookup(lookup)), ("none", Drafter::None)]
                {
                    for gamma in 1..=3 {
                        let law = law(&Speculative { target, drafter, verifier }, gamma);
                        let distance = total_variation(&law, &expected);
                        assert!(distance < EXACT, "{rule} x {who}, gamma {gamma}, {name}: {distance:e}");
                        largest = largest.max(distance);
                        cases += 1;
                    }
                }
            }
        }
    }
    println!("{cases} laws, all within {largest:.1e}");
}

// What is kept.

/// Rows from probabilities.
fn row<const N: usize>(probabilities: [f64; N]) -> Vec<u32> {
    let mut row = probabilities.map(|p| (p * f64::from(ONE)).round() as u32).to_vec();
    row[0] = ONE - row[1..].iter().sum::<u32>();
    row
}

/// The law of a single round with the same rows at each position: tokens kept, then the tokens.
fn one_round(
    verifier: &dyn SamplingVerifier,
    p: &[u32],
    q: &[u32],
    gamma: usize,
) -> std::collections::BTreeMap<(usize, Vec<u32>), f64> {
    replay::law(|choices| {
        let rows = Rows::new(q.len() as u32, gamma + 1, |_| q.to_vec());
        let proposal = draft(&rows, &[], gamma, choices);
        let draft = vec![q; gamma];
        let target = vec![p; gamma + 1];
        let block = Sampled { position: 0, proposal: &proposal, target: &target, draft: Draft::Rows(&draft) };
        let Verdict { accepted, next } = verifier.verify(&block, choices);
        (accepted, [&proposal[..accepted], &[next]].concat())
    })
}

fn mean_accepted(verifier: &dyn SamplingVerifier, p: &[u32], q: &[u32], gamma: usize) -> f64 {
    one_round(verifier, p, q, gamma).iter().map(|((accepted, _), p)| *accepted as f64 * p).sum()
}

#[test]
fn the_toy_of_the_block_verification_paper() {
    let (p, q) = (row([1.0 / 3.0, 2.0 / 3.0]), row([2.0 / 3.0, 1.0 / 3.0]));
    let near = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-8, "{value} for {wanted}");
    near(mean_accepted(&TokenWise, &p, &q, 2), 10.0 / 9.0);
    near(mean_accepted(&BlockWise, &p, &q, 2), 11.0 / 9.0);
}

#[test]
fn golden_numbers_of_one_position() {
    let (p, q) = (row([0.5, 0.3, 0.15, 0.05]), row([0.1, 0.2, 0.3, 0.4]));
    let near = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-8, "{value} for {wanted}");
    near(f64::from(overlap(&p, &q)) / f64::from(ONE), 0.5);
    for (_, verifier) in verifiers() {
        near(mean_accepted(&*verifier, &p, &q, 1), 0.5);
        let law = one_round(&*verifier, &p, &q, 1);
        let correction = |id| law.get(&(0, vec![id])).copied().unwrap_or(0.0) / 0.5;
        [0.8, 0.2, 0.0, 0.0].into_iter().enumerate().for_each(|(id, w)| near(correction(id as u32), w));
    }
}

/// `out = min(q, f(p))` where `q >= p`, and every point of acceptance that lenience adds costs one point of total variation
/// (`docs/algorithms.md`: what lenience costs).
#[test]
fn lenience_costs_what_it_says() {
    let mut random = fastrand::Rng::with_seed(8);
    for kind in &KINDS {
        for epsilon in [1.0, 0.8, 0.4, 0.05] {
            let lenience = Lenience { kind, epsilon };
            for _ in 0..20 {
                let mut other = || row([0.0; 5].map(|_| random.f64() * random.f64() / 5.0));
                let (p, q) = (other(), other());
                let mut out = Law::new();
                for ((_, text), probability) in one_round(&Lenient(lenience), &p, &q, 1) {
                    // What follows an accepted token is the target's.
                    *out.entry(vec![text[0]]).or_default() += probability;
                }
                let one = f64::from(ONE);
                let target =
                    p.iter().enumerate().map(|(id, &p)| (vec![id as u32], f64::from(p) / one)).collect();
                let rows = [&p[..], &p[..]];
                let block =
                    Sampled { position: 0, proposal: &[0], target: &rows, draft: Draft::Rows(&[&q[..]]) };
                let excess = block.lenient_overlap(0, &lenience) - block.overlap(0);
                let found = total_variation(&out, &target);
                assert!(
                    (found - f64::from(excess) / one).abs() < 1e-9,
                    "{lenience:?}: {found}, not {excess}"
                );
                assert_eq!(excess == 0, epsilon == 1.0, "{lenience:?}");
            }
        }
    }
}

#[test]
fn block_verification_never_keeps_fewer() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut more = 0;
    for _ in 0..200 {
        let mut row = || {
            let weights: Vec<f64> = (0..VOCAB).map(|_| random.f64().powi(2)).collect();
            let sum: f64 = weights.iter().sum();
            row([weights[0] / sum, weights[1] / sum, weights[2] / sum])
        };
        let (p, q) = (row(), row());
        let tokenwise = mean_accepted(&TokenWise, &p, &q, 3);
        let blockwise = mean_accepted(&BlockWise, &p, &q, 3);
        assert!(blockwise > tokenwise - 1e-8, "{blockwise} < {tokenwise} for {p:?}, {q:?}");
        more += usize::from(blockwise > tokenwise + 0.01);
    }
    assert!(more > 50, "hardly ever more: {more}");
}

// The negative controls of docs/algorithms.md (laws, enumerated), and what else must not be done.

/// The draft of these tests is a model that differs from the target, and gamma is 2.
fn control() -> Pair {
    pairs(5).swap_remove(0)
}

fn error_of(target: &Rows, algorithm: &dyn Algorithm) -> f64 {
    total_variation(&law(algorithm, 2), &target.law(LENGTH))
}

/// Draws the correction from p.
struct ResidualIsP<'a>(&'a dyn SamplingVerifier);

impl SamplingVerifier for ResidualIsP<'_> {
    fn verify(&self, block: &Sampled<'_>, choices: &mut dyn Choices) -> Verdict {
        let Verdict { accepted, .. } = self.0.verify(block, choices);
        let at = block.at(accepted, Stream::Residual);
        Verdict { accepted, next: choices.token(Draw { slot: 1, ..at }, block.target[accepted]) }
    }
}

#[test]
fn control_a_a_residual_that_is_p() {
    let Pair { target, draft, .. } = &control();
    let drafter = Drafter::Model { drawn: draft, claimed: draft };
    for (rule, verifier) in verifiers() {
        let error = error_of(target, &Speculative { target, drafter, verifier: &ResidualIsP(&*verifier) });
        println!("(a) {rule}: TV {error:.4}");
        assert!(error > WRONG);
    }
}

#[test]
fn control_b_q_at_another_temperature() {
    let Pair { target, draft: claimed, .. } = &control();
    let drawn = &Rows::random(VOCAB, LENGTH, 1005, (5, 0.5), &at_temperature(0.7));
    for (rule, verifier) in verifiers() {
        let verifier = &*verifier;
        let error = |claimed| {
            let drafter = Drafter::Model { drawn, claimed };
            error_of(target, &Speculative { target, drafter, verifier })
        };
        println!("(b) {rule}: TV {:.4}", error(claimed));
        assert!(error(claimed) > WRONG && error(drawn) < EXACT);
    }
}

/// Drops a drafted token that the draft model finds unlikely, and what would follow.
struct Dropping<'a> {
    target: &'a Rows,
    draft: &'a Rows,
    /// Verifies what is left as if it had been drawn as usual, rather than from the sub-law that it was drawn from.
    naive: bool,
}

impl Dropping<'_> {
    fn keeps(q: u32) -> bool {
        q > ONE / 3
    }
}

impl Algorithm for Dropping<'_> {
    fn round(&self, context: &[u32], gamma: usize, choices: &mut dyn Choices) -> Vec<u32> {
        let proposal = draft(self.draft, context, gamma, choices);
        let mut path = context.to_vec();
        if self.naive {
            let unlikely = |&id: &u32| {
                let q = self.draft.row(&path)[id as usize];
                path.push(id);
                !Self::keeps(q)
            };
            let kept = proposal.iter().position(unlikely).unwrap_or(proposal.len());
            let drafter = Drafter::Model { drawn: self.draft, claimed: self.draft };
            return verify(self.target, drafter, &TokenWise, context, &proposal[..kept], choices);
        }
        // As docs/algorithms.md mends it (predictable ends): the proposal has the law q'(x) = q(x) [x is kept]; dropped
        // is refused.
        for &id in &proposal {
            let (p, q) = (self.target.row(&path), self.draft.row(&path));
            let sub = |x: usize| if Self::keeps(q[x]) { q[x] } else { 0 };
            let at = |stream| Draw { position: path.len() as u32, stream, slot: 0 };
            let (p_id, q_id) = (p[id as usize].into(), sub(id as usize).into());
            if q_id == 0 || !choices.bernoulli(at(Stream::Accept), p_id, q_id) {
                let residual = |x: usize| u64::from(p[x].saturating_sub(sub(x)));
                let total = (0..p.len()).map(residual).sum();
                path.push(choices.categorical(at(Stream::Residual), p.len(), &residual, total) as u32);
                return path.split_off(context.len());
            }
            path.push(id);
        }
        let at = Draw { position: path.len() as u32, stream: Stream::Residual, slot: 0 };
        path.push(choices.token(at, self.target.row(&path)));
        path.split_off(context.len())
    }
}

#[test]
fn control_d_dropping_unlikely_drafted_tokens() {
    let Pair { target, draft, .. } = &control();
    let error = |naive| error_of(target, &Dropping { target, draft, naive });
    println!("(d) TV {:.4}, with the sub-law {:.1e}", error(true), error(false));
    assert!(error(true) > WRONG && error(false) < EXACT);
}

/// Two candidates for one position, tried in turn.
struct Siblings<'a> {
    target: &'a Rows,
    draft: &'a Rows,
    /// Tries the second one against p as well, rather than against what the first one left of it.
    naive: bool,
}

impl Algorithm for Siblings<'_> {
    fn round(&self, context: &[u32], _: usize, choices: &mut dyn Choices) -> Vec<u32> {
        let (p, q) = (self.target.row(context), self.draft.row(context));
        let at = |stream, slot| Draw { position: context.len() as u32, stream, slot };
        let mut candidate = |slot| choices.token(at(Stream::Draft, slot), q) as usize;
        let (first, second) = (candidate(0), candidate(1));
        if choices.bernoulli(at(Stream::Accept, 0), p[first].into(), q[first].into()) {
            return vec![first as u32];
        }
        let left = |x: usize| u64::from(p[x].saturating_sub(q[x]));
        let total: u64 = (0..p.len()).map(left).sum();
        let (one, q64) = (u64::from(ONE), |x: usize| u64::from(q[x]));
        let (numerator, denominator) = match self.naive {
            true => (p[second].into(), q64(second)),
            false => (left(second) * one, q64(second) * total),
        };
        if choices.bernoulli(at(Stream::Accept, 1), numerator.into(), denominator.into()) {
            return vec![second as u32];
        }
        let left_twice = |x: usize| (left(x) * one).saturating_sub(q64(x) * total);
        let weight: &dyn Fn(usize) -> u64 = if self.naive { &left } else { &left_twice };
        let total = (0..p.len()).map(weight).sum();
        vec![choices.categorical(at(Stream::Residual, 0), p.len(), weight, total) as u32]
    }
}

#[test]
fn control_e_siblings_tried_against_the_same_p() {
    let Pair { target, draft, .. } = &control();
    let error = |naive| error_of(target, &Siblings { target, draft, naive });
    println!("(e) TV {:.4}, with p updated {:.1e}", error(true), error(false));
    assert!(error(true) > WRONG && error(false) < EXACT);
}

// With random numbers.

/// Texts for the chi-square test, and 125 bins of 3 tokens over 5 ids.
const TEXTS: u64 = 200_000;
const BINS: (u32, usize) = (5, 3);
/// Counts less likely than this are not of the law that they are held against.
const LIKELY: f64 = 1e-4;

/// How likely counts are that lie as far from the target's law as those of [`TEXTS`] texts, one a seed.
fn counted(target: &Rows, algorithm: &dyn Algorithm, gamma: usize, reuse: Reuse) -> f64 {
    let texts = (0..TEXTS).map(|seed| text(algorithm, gamma, BINS.1, &mut Words::new(seed, reuse)));
    p_of_texts(&target.law(BINS.1), texts)
}

/// A target and a draft for [`counted`].
fn large(seed: u64, likeness: f32) -> (Rows, Rows) {
    let rows = |seed, kin| Rows::random(BINS.0, BINS.1, seed, kin, &at_temperature(1.0));
    (rows(seed, (0, 0.0)), rows(seed + 1000, (seed, likeness)))
}

fn lookup_5(context: &[u32], most: usize) -> Vec<u32> {
    (0..most as u32).map(|i| (context.iter().sum::<u32>() * 3 + i * 2 + 1) % BINS.0).collect()
}

#[test]
fn counts_agree_with_the_law() {
    let (target, draft) = &large(11, 0.5);
    let model = Drafter::Model { drawn: draft, claimed: draft };
    for (rule, verifier) in verifiers() {
        let verifier = &*verifier;
        for (who, drafter) in
            [("model", model), ("lookup", Drafter::Lookup(lookup_5)), ("none", Drafter::None)]
        {
            let p = counted(target, &Speculative { target, drafter, verifier }, 2, Reuse::Nothing);
            println!("{rule} x {who}: p {p:.3}");
            assert!(p > LIKELY);
        }
    }
}

/// Words that depend on the position within a round alone make tokens of different rounds depend on each other.
///
/// If only the epoch is missing, positions that are drafted again get their old words. Block verification is led
/// astray: which prefix it kept depends on all words of the round. Token-wise it does no harm, because then a word
/// decides nothing before the text has reached its position; so that case tests the test.
#[test]
fn control_c_random_numbers_of_an_earlier_round() {
    let (target, draft) = &large(11, 0.0);
    let drafter = Drafter::Model { drawn: draft, claimed: draft };
    let p = |verifier: &dyn SamplingVerifier, reuse| {
        let p = counted(target, &Speculative { target, drafter, verifier }, 2, reuse);
        println!("(c) reuse of {reuse:?}: p {p:.1e}");
        p
    };
    assert!(p(&TokenWise, Reuse::Nothing) > LIKELY && p(&BlockWise, Reuse::Nothing) > LIKELY);
    assert!(p(&TokenWise, Reuse::Everything) < LIKELY && p(&BlockWise, Reuse::Everything) < LIKELY);
    assert!(p(&TokenWise, Reuse::Epoch) > LIKELY && p(&BlockWise, Reuse::Epoch) < LIKELY);
}

#[test]
fn the_tail_of_chi_square() {
    // The first two from any table.
    for (degrees, x, wanted) in
        [(1, 3.841_458_8, 0.05), (2, 9.210_340_4, 0.01), (124, 190.0, 1.271e-4), (5, 0.0, 1.0)]
    {
        let p = tail(degrees, x);
        assert!((p - wanted).abs() < 1e-2 * wanted, "{degrees}, {x}: {p} for {wanted}");
    }
    assert!(p_value(&[500, 480, 20], &[0.5, 0.48, 0.02]) > 0.999);
    assert!(p_value(&[600, 380, 20], &[0.5, 0.48, 0.02]) < 1e-6);
    assert_eq!(p_value(&[500, 499, 1], &[0.5, 0.5, 0.0]), 0.0);
}
