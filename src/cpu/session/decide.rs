//! What of a proposal is kept.

use std::borrow::Cow;

use super::propose::Drafted;
use crate::round::Rules;
use crate::sampling::random::Draws;
use crate::sampling::{ONE, adjust, argmax, probabilities};
use crate::verify::{
    Block, Draft, LenientGreedy, Rows, Sampled, SampledTree, SamplingVerifier, Verdict, Verifier, Walk, walk,
    walk_greedily,
};

/// What was decided about a proposal.
pub(super) struct Decided {
    /// The path that is kept, the token behind it, and the round's overlaps.
    pub walk: Walk,
    /// `excess` of the round.
    pub excess: Vec<u32>,
}

/// What the target says of a proposal.
#[derive(Clone, Copy)]
pub(super) struct Heard<'a> {
    /// Adjusted, a row for the context and each token.
    pub logits: Rows<'a>,
    /// The children of each row that can be followed.
    pub children: &'a [Vec<usize>],
}

/// Biases and penalties on the target's logits (rows of `width`) behind `context` and the path of each drafted token.
pub(super) fn adjust_rows(
    rules: &Rules,
    context: &[u32],
    drafted: &Drafted,
    logits: &mut [f32],
    width: usize,
) {
    if rules.sampling.adjusts() {
        let mut history = context.to_vec();
        for (i, row) in logits.chunks_exact_mut(width).enumerate() {
            history.truncate(context.len());
            history.extend(drafted.tree.said(i));
            adjust(row, &history, &rules.sampling);
        }
    }
}

/// The beginning of a chain.
fn beginning(verdict: Verdict, overlaps: Vec<u32>) -> Walk {
    Walk { path: (0..verdict.accepted).collect(), next: verdict.next, overlaps }
}

/// At temperature 0: `greedy` decides about a chain, or whoever is lenient.
pub(super) fn greedily(
    rules: &Rules,
    greedy: &mut dyn Verifier,
    drafted: &Drafted,
    heard: Heard<'_>,
) -> Decided {
    let (tokens, rows) = (drafted.tree.tokens(), heard.logits);
    if !drafted.tree.is_chain() {
        return Decided { walk: walk_greedily(tokens, heard.children, rows), excess: Vec::new() };
    }
    let block = Block::new(tokens, rows);
    let verdict = match rules.lenience {
        Some(lenience) => LenientGreedy(lenience).verify(block),
        None => greedy.verify(block),
    };
    let accepted = verdict.accepted;
    let tested = 0..tokens.len().min(accepted + 1);
    let overlaps = tested.clone().map(|i| if i < accepted { ONE } else { 0 }).collect();
    let other = |i: usize| i < accepted && tokens[i] != argmax(rows.row(i));
    let excess = tested.map(|i| if other(i) { ONE } else { 0 });
    let excess = rules.lenience.map(|_| excess.collect());
    Decided { walk: beginning(verdict, overlaps), excess: excess.unwrap_or_default() }
}

/// Above temperature 0: `verifier` decides about a chain. `position` is the length of the context.
pub(super) fn sampled(
    rules: &Rules,
    verifier: &dyn SamplingVerifier,
    drafted: &Drafted,
    heard: Heard<'_>,
    position: usize,
    mut draws: Draws,
) -> Decided {
    let (tokens, position) = (drafted.tree.tokens(), position as u32);
    let law = |i: usize| {
        let logits = heard.logits.row(i);
        let mut row = vec![0; logits.len()];
        probabilities(logits, &rules.sampling, &mut row);
        row
    };
    let draft: Vec<&[u32]> = drafted.rows.iter().map(Vec::as_slice).collect();
    let draft = if draft.is_empty() { Draft::PointMass } else { Draft::Rows(&draft) };
    if !drafted.tree.is_chain() {
        let walk = rules.spec().and_then(|spec| spec.tree).unwrap_or(walk);
        let (children, replacement) = (heard.children, drafted.replacement);
        let target = &|i| Cow::Owned(law(i));
        let tree = SampledTree { position, tokens, children, target, draft, replacement };
        return Decided { walk: walk(&tree, &mut draws), excess: Vec::new() };
    }
    let rows: Vec<Vec<u32>> = (0..heard.logits.len()).map(law).collect();
    let target: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
    let block = Sampled { position, proposal: tokens, target: &target, draft };
    let verdict = verifier.verify(&block, &mut draws);
    let tested = 0..tokens.len().min(verdict.accepted + 1);
    let overlap = |i: usize| match &rules.lenience {
        Some(lenience) => block.lenient_overlap(i, lenience),
        None => block.overlap(i),
    };
    let overlaps: Vec<u32> = tested.map(overlap).collect();
    let more = || overlaps.iter().enumerate().map(|(i, overlap)| overlap - block.overlap(i)).collect();
    let excess = rules.lenience.map(|_| more()).unwrap_or_default();
    Decided { walk: beginning(verdict, overlaps), excess }
}
