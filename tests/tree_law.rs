//! Trees are without loss: what comes of several candidates for a position has the target's law. Proved by enumeration on
//! table models, with the library's own drawing and walking; five ways to get it wrong are found out.

use crate::support;

use std::borrow::Cow;
use std::collections::BTreeMap;

use paceline::round::Tree;
use paceline::sampling::random::{Draw, Draws, Philox, Stream};
use paceline::sampling::{ONE, Sampling, most_likely};
use paceline::verify::{
    Choices, Draft, Replacement, Sampled, SampledTree, SamplingVerifier as _, TokenWise, VERIFIERS, Walk,
    candidates, walk,
};
use support::law::replay;
use support::law::{Law, Rows, total_variation};

/// Differences that rounding of `f64` explains, and those that nothing does.
const EXACT: f64 = 1e-10;
const WRONG: f64 = 1e-3;

use Replacement::{With, Without};

/// A tree drawn level by level, as engines do: `widths[d]` children for each node of level `d`.
fn drafted(
    draft: &Rows,
    context: &[u32],
    widths: &[usize],
    how: Replacement,
    choices: &mut dyn Choices,
) -> Tree {
    grown(context, widths, |prefix, place, width| {
        let at = |rank| Draw {
            position: prefix.len() as u32,
            stream: Stream::Draft,
            slot: (place * width + rank) as u32,
        };
        candidates(draft.row(prefix), width, how, at, choices)
    })
}

/// A tree whose nodes have the children that `of` says, given their text, their place in their level, and how many.
fn grown(context: &[u32], widths: &[usize], mut of: impl FnMut(&[u32], usize, usize) -> Vec<u32>) -> Tree {
    let mut tree = Tree::default();
    let mut level = 0..1;
    for &width in widths {
        for (place, row) in level.clone().enumerate() {
            let prefix = [context, &tree.said(row)].concat();
            for token in of(&prefix, place, width) {
                tree.push(row.checked_sub(1), token);
            }
        }
        level = level.end..tree.len() + 1;
    }
    tree
}

type Rule = fn(&SampledTree<'_>, &mut dyn Choices) -> Walk;

/// What a walk keeps of a tree, of which `claimed` is what it was drawn from: the round's tokens.
fn verified(
    target: &Rows,
    claimed: Option<&Rows>,
    context: &[u32],
    tree: &Tree,
    (rule, how): (Rule, Replacement),
    choices: &mut dyn Choices,
) -> Vec<u32> {
    let children = tree.children();
    let text = |row: usize| [context, &tree.said(row)].concat();
    let target_row = |row: usize| Cow::Borrowed(target.row(&text(row)));
    let parents = (0..=tree.len()).filter(|row| !children[*row].is_empty());
    let last = parents.max().map_or(0, |row| row + 1);
    let rows: Vec<&[u32]> =
        claimed.map_or_else(Vec::new, |claimed| (0..last).map(|row| claimed.row(&text(row))).collect());
    let sampled = SampledTree {
        position: context.len() as u32,
        tokens: tree.tokens(),
        children: &children,
        target: &target_row,
        draft: if claimed.is_some() { Draft::Rows(&rows) } else { Draft::PointMass },
        replacement: how,
    };
    let Walk { path, next, .. } = rule(&sampled, choices);
    let kept = path.iter().map(|node| tree.tokens()[*node]);
    kept.chain([next]).collect()
}

/// The law of the first `length` tokens: those of a round, then the target's own. Rounds that follow have the law that this one
/// has, by induction.
fn finished(target: &Rows, length: usize, round: BTreeMap<Vec<u32>, f64>) -> Law {
    let mut law = Law::new();
    let mut open: Vec<(Vec<u32>, f64)> = round.into_iter().collect();
    while let Some((text, p)) = open.pop() {
        if text.len() == length {
            *law.entry(text).or_default() += p;
            continue;
        }
        for (id, weight) in target.row(&text).iter().enumerate().filter(|(_, weight)| **weight > 0) {
            open.push(([&text[..], &[id as u32]].concat(), p * f64::from(*weight) / f64::from(ONE)));
        }
    }
    law
}

fn sampling(temperature: f32, top_k: u32) -> Sampling {
    Sampling { temperature, top_k, ..Sampling::default() }
}

/// A target and a draft over `vocab` ids that are somewhat alike, for texts of `length` tokens.
fn pair(vocab: u32, length: usize, seed: u64, target: &Sampling, draft: &Sampling) -> (Rows, Rows) {
    let rows = |seed, kin, sampling| Rows::random(vocab, length, seed, kin, sampling);
    (rows(seed, (0, 0.0), target), rows(seed + 1000, (seed, 0.5), draft))
}

/// How far the texts of a round are from the target's law.
fn error(target: &Rows, length: usize, round: impl Fn(&mut replay::Replay) -> Vec<u32>) -> f64 {
    total_variation(&finished(target, length, replay::law(round)), &target.law(length))
}

#[test]
fn the_law_is_the_targets_for_every_shape_and_replacement() {
    let plain = sampling(1.0, 0);
    let penalties = Sampling { repeat_penalty: 1.6, frequency_penalty: 0.5, ..plain.clone() };
    let laws = [
        (plain.clone(), plain.clone()),
        // Fewer ids than candidates.
        (plain.clone(), sampling(0.7, 2)),
        (sampling(0.5, 2), sampling(3.0, 0)),
        (penalties.clone(), penalties),
    ];
    let shapes: [(u32, &[usize]); 7] =
        [(3, &[2]), (4, &[3]), (5, &[4]), (3, &[2, 2]), (3, &[1, 2]), (3, &[3, 1]), (3, &[2, 1, 1])];
    let mut largest: f64 = 0.0;
    for (seed, (of_target, of_draft)) in laws.iter().enumerate() {
        for (vocab, widths) in shapes {
            let length = widths.len() + 1;
            let (target, draft) = pair(vocab, length, seed as u64, of_target, of_draft);
            for how in [Without, With] {
                let drawn = error(&target, length, |choices| {
                    let tree = drafted(&draft, &[], widths, how, choices);
                    verified(&target, Some(&draft), &[], &tree, (walk, how), choices)
                });
                assert!(drawn < EXACT, "{widths:?} {how:?}, law {seed}: {drawn:e}");
                largest = largest.max(drawn);
            }
            let listed = error(&target, length, |choices| {
                let tree = grown(&[], widths, |prefix, _, width| top(&draft, prefix, width));
                verified(&target, None, &[], &tree, (walk, Without), choices)
            });
            assert!(listed < EXACT, "{widths:?} of the likeliest, law {seed}: {listed:e}");
            largest = largest.max(listed);
        }
    }
    println!("all within {largest:.1e}");
}

/// The likeliest ids of a row.
fn top(draft: &Rows, prefix: &[u32], count: usize) -> Vec<u32> {
    let row: Vec<f32> = draft.row(prefix).iter().map(|q| *q as f32).collect();
    most_likely(&row, count)
}

/// Any tree at all, drawn by nobody: tokens that repeat among siblings, ids that the target does not have, nodes in any order.
#[test]
fn the_law_is_the_targets_for_trees_that_nobody_drew() {
    let mut random = fastrand::Rng::with_seed(9);
    for seed in 0..40 {
        let (target, _) = pair(3, 4, seed, &sampling(1.0, 0), &sampling(1.0, 0));
        let mut tree = Tree::default();
        for _ in 0..random.usize(1..8) {
            let parent = random.usize(0..=tree.len()).checked_sub(1);
            if parent.is_none_or(|parent| tree.depth(parent) < 2) {
                tree.push(parent, random.u32(0..4));
            }
        }
        let error =
            error(&target, 4, |choices| verified(&target, None, &[], &tree, (walk, Without), choices));
        assert!(error < EXACT, "{tree:?}: {error:e}");
    }
}

/// Rows from probabilities.
fn row<const N: usize>(probabilities: [f64; N]) -> Vec<u32> {
    let mut row = probabilities.map(|p| (p * f64::from(ONE)).round() as u32).to_vec();
    row[0] = ONE - row[1..].iter().sum::<u32>();
    row
}

/// The chance that one of `k` candidates is kept, by what comes out and by what the walk says of it.
fn acceptance(p: &[u32], q: &[u32], k: usize, how: Option<Replacement>) -> [f64; 2] {
    let table = |row: &[u32]| Rows::new(row.len() as u32, 2, |_| row.to_vec());
    let (target, draft) = (table(p), table(q));
    let kept = replay::law(|choices| {
        let tree = drafted(&draft, &[], &[k], how.unwrap_or(Without), choices);
        let claimed = how.map(|_| &draft);
        verified(&target, claimed, &[], &tree, (walk, how.unwrap_or(Without)), choices).len() > 1
    });
    let chances = replay::law(|choices| {
        let tree = drafted(&draft, &[], &[k], how.unwrap_or(Without), choices);
        let (children, rows) = (tree.children(), [draft.row(&[])]);
        let sampled = SampledTree {
            position: 0,
            tokens: tree.tokens(),
            children: &children,
            // Nothing is walked to: what is told is of the first row.
            target: &|row| Cow::Owned(if row == 0 { p.to_vec() } else { vec![ONE] }),
            draft: if how.is_some() { Draft::Rows(&rows) } else { Draft::PointMass },
            replacement: how.unwrap_or(Without),
        };
        walk(&sampled, choices).overlaps[0]
    });
    let mean = chances.iter().map(|(overlap, p)| f64::from(*overlap) / f64::from(ONE) * p).sum();
    [kept.get(&true).copied().unwrap_or(0.0), mean]
}

/// `docs/algorithms.md`: several candidates for a position.
#[test]
fn golden_numbers_of_several_candidates() {
    let (p, q) = (row([0.5, 0.3, 0.15, 0.05]), row([0.1, 0.2, 0.3, 0.4]));
    for (k, with, without) in [(1, 0.5, 0.5), (2, 0.65, 0.6798), (3, 0.685, 0.7809)] {
        for (how, wanted) in [(Some(With), with), (Some(Without), without)] {
            for found in acceptance(&p, &q, k, how) {
                assert!((found - wanted).abs() < 6e-5, "{k} {how:?}: {found} for {wanted}");
            }
        }
    }
    // Drawn, but taken for a list that nobody drew.
    for (k, wanted) in [(2, 0.3767), (3, 0.6287)] {
        for found in acceptance(&p, &q, k, None) {
            assert!((found - wanted).abs() < 6e-5, "{k}, naively: {found} for {wanted}");
        }
    }
}

/// With replacement `1 - prod (1 - beta_i)`, of a list `sum p` over it; without replacement never fewer are kept.
#[test]
fn acceptance_is_what_the_formulas_say() {
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..60 {
        let mut other = || {
            let weights = [0.0; 4].map(|_| random.f64() * random.f64() + 1e-3);
            let sum: f64 = weights.iter().sum();
            row(weights.map(|weight| weight / sum))
        };
        let (p, q) = (other(), other());
        let unit = |row: &[u32]| row.iter().map(|x| f64::from(*x) / f64::from(ONE)).collect::<Vec<f64>>();
        let (mut left, q_unit) = (unit(&p), unit(&q));
        let mut missed = 1.0;
        for k in 1..=3 {
            let beta: f64 = left.iter().zip(&q_unit).map(|(p, q)| p.min(*q)).sum();
            missed *= 1.0 - beta;
            left = left.iter().zip(&q_unit).map(|(p, q)| (p - q).max(0.0) / (1.0 - beta)).collect();
            let [with, without] = [With, Without].map(|how| acceptance(&p, &q, k, Some(how)));
            assert!((with[0] - (1.0 - missed)).abs() < 1e-7, "{with:?} for {}", 1.0 - missed);
            for [kept, told] in [with, without] {
                assert!((kept - told).abs() < 1e-8, "{kept}, and told {told}");
            }
            assert!(without[0] > with[0] - 1e-7, "{k}: {without:?} < {with:?} for {p:?}, {q:?}");
        }
    }
}

/// A chain is the tree with one child a node: the same decisions from the same words as token by token.
#[test]
fn chains_are_walked_as_they_are_verified() {
    let mut random = fastrand::Rng::with_seed(2);
    for seed in 0..3000 {
        let mut row = |skew: i32| {
            let weights: Vec<f64> = (0..6).map(|_| random.f64().powi(skew) + 1e-12).collect();
            let sum: f64 = weights.iter().sum();
            let mut row: Vec<u32> =
                weights.iter().map(|w| (w / sum * f64::from(ONE)).floor() as u32).collect();
            row[0] += ONE - row.iter().sum::<u32>();
            row
        };
        let target: Vec<Vec<u32>> = (0..4).map(|_| row(4)).collect();
        let rows: Vec<Vec<u32>> = (0..3).map(|_| row(3)).collect();
        let [target_rows, draft_rows] =
            [&target, &rows].map(|rows| rows.iter().map(Vec::as_slice).collect::<Vec<&[u32]>>());
        let mut draws = Draws::new(Philox::new(seed), 3);
        let proposal: Vec<u32> = (0..3)
            .map(|i| draws.token(Draw { position: 7 + i, stream: Stream::Draft, slot: 0 }, &rows[i as usize]))
            .collect();
        for draft in [Draft::PointMass, Draft::Rows(&draft_rows)] {
            let block = Sampled { position: 7, proposal: &proposal, target: &target_rows, draft };
            let verdict = TokenWise.verify(&block, &mut draws);
            let children = Tree::chain(proposal.clone()).children();
            for replacement in [With, Without] {
                let tree = SampledTree {
                    position: 7,
                    tokens: &proposal,
                    children: &children,
                    target: &|row| Cow::Borrowed(target_rows[row]),
                    draft,
                    replacement,
                };
                let walked = walk(&tree, &mut draws);
                assert_eq!((walked.path.len(), walked.next), (verdict.accepted, verdict.next));
                let tested = walked.overlaps.len();
                assert_eq!(tested, 3.min(verdict.accepted + 1));
                let overlaps: Vec<u32> = (0..tested).map(|i| block.overlap(i)).collect();
                assert_eq!(walked.overlaps, overlaps);
            }
        }
    }
    assert!(VERIFIERS.iter().any(|spec| spec.name == "token" && spec.tree.is_some()));
    assert!(VERIFIERS.iter().all(|spec| spec.name != "block" || spec.tree.is_none()));
}

// What must not be done.

const SHAPE: &[usize] = &[2, 1];
const LENGTH: usize = 3;

fn control() -> (Rows, Rows) {
    pair(3, LENGTH, 5, &sampling(1.0, 0), &sampling(1.0, 0))
}

/// Tries every sibling against the target's own row.
fn naive(tree: &SampledTree<'_>, choices: &mut dyn Choices) -> Walk {
    let Draft::Rows(rows) = tree.draft else { panic!("drawn from rows") };
    let mut walk = Walk::default();
    let mut row = 0;
    loop {
        let at = |stream, slot| Draw { position: walk.path.len() as u32, stream, slot };
        let p = (tree.target)(row);
        let kept = tree.children[row].iter().enumerate().find(|(rank, child)| {
            let id = tree.tokens[**child] as usize;
            choices.bernoulli(at(Stream::Accept, *rank as u32), p[id].into(), rows[row][id].into())
        });
        let Some((_, &child)) = kept else {
            let left = |i: usize| match tree.children[row].is_empty() {
                true => u64::from(p[i]),
                false => u64::from(p[i].saturating_sub(rows[row][i])),
            };
            let total = (0..p.len()).map(left).sum();
            walk.next = choices.categorical(at(Stream::Residual, 0), p.len(), &left, total) as u32;
            return walk;
        };
        walk.path.push(child);
        row = child + 1;
    }
}

#[test]
fn control_siblings_tried_against_the_same_p() {
    let (target, draft) = &control();
    for how in [With, Without] {
        let error = |rule: Rule| {
            error(target, LENGTH, |choices| {
                let tree = drafted(draft, &[], SHAPE, how, choices);
                verified(target, Some(draft), &[], &tree, (rule, how), choices)
            })
        };
        println!("the same p, {how:?}: TV {:.4}", error(naive));
        assert!(error(naive) > WRONG && error(walk) < EXACT);
    }
}

#[test]
fn control_a_list_taken_for_a_draw() {
    let (target, draft) = &control();
    let error = |claimed| {
        error(target, LENGTH, |choices| {
            let tree = grown(&[], SHAPE, |prefix, _, width| top(draft, prefix, width));
            verified(target, claimed, &[], &tree, (walk, Without), choices)
        })
    };
    println!("a list taken for a draw: TV {:.4}", error(Some(draft)));
    assert!(error(Some(draft)) > WRONG && error(None) < EXACT);
}

#[test]
fn control_candidates_drawn_the_other_way() {
    // Of three ids too few are left behind the first to tell.
    let (target, draft) = &pair(5, LENGTH, 5, &sampling(1.0, 0), &sampling(1.0, 0));
    for (drawn, claimed) in [(With, Without), (Without, With)] {
        let error = error(target, LENGTH, |choices| {
            let tree = drafted(draft, &[], SHAPE, drawn, choices);
            verified(target, Some(draft), &[], &tree, (walk, claimed), choices)
        });
        println!("drawn {drawn:?}, verified {claimed:?}: TV {error:.4}");
        assert!(error > WRONG);
    }
}

/// Drops candidates that the draft thinks little of, once they are drawn; or draws fewer where it thinks little of all.
#[test]
fn control_candidates_that_are_dropped_once_drawn() {
    let (target, draft) = &control();
    let error = |settled: bool| {
        error(target, LENGTH, |choices| {
            let tree = grown(&[], SHAPE, |prefix, _, width| {
                let row = draft.row(prefix);
                let at = |rank: usize| Draw { position: 0, stream: Stream::Draft, slot: rank as u32 };
                let sure = row.iter().any(|q| *q > ONE / 2);
                let count = if settled && !sure { 1 } else { width };
                let drawn = candidates(row, count, Without, at, choices);
                drawn.into_iter().filter(|id| settled || row[*id as usize] > ONE / 3).collect()
            });
            verified(target, Some(draft), &[], &tree, (walk, Without), choices)
        })
    };
    println!("dropped: TV {:.4}", error(false));
    assert!(error(false) > WRONG && error(true) < EXACT);
}

/// A child of one node that is tried at its sibling: the law of another prefix.
#[test]
fn control_children_of_a_sibling() {
    let (target, draft) = &control();
    let error = error(target, LENGTH, |choices| {
        let tree = drafted(draft, &[], SHAPE, Without, choices);
        let parents = tree.parents().iter().map(|parent| parent.map(|parent| 1 - parent)).collect();
        let Ok(tree) = Tree::new(tree.tokens().to_vec(), parents) else { panic!("a tree") };
        verified(target, Some(draft), &[], &tree, (walk, Without), choices)
    });
    println!("children of a sibling: TV {error:.4}");
    assert!(error > WRONG);
}
