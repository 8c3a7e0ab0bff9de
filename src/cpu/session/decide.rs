//! What of a proposal is kept.

use super::propose::Drafted;
use crate::round::Rules;
use crate::sampling::random::Draws;
use crate::sampling::{ONE, adjust, argmax, probabilities};
use crate::verify::{Block, Draft, LenientGreedy, Rows, Sampled, SamplingVerifier, Verdict, Verifier};

/// What was decided about a proposal, and `overlaps` and `excess` of the round.
pub(super) struct Decided {
    pub verdict: Verdict,
    pub overlaps: Vec<u32>,
    pub excess: Vec<u32>,
}

/// Biases and penalties on the target's logits (rows of `width`) behind `context` and each drafted token.
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
            adjust(row, &history, &rules.sampling);
            history.extend(drafted.tokens.get(i));
        }
    }
}

/// At temperature 0: `greedy` decides, or whoever is lenient. `rows` are the target's adjusted logits, a row more than there
/// are tokens.
pub(super) fn greedily(
    rules: &Rules,
    greedy: &mut dyn Verifier,
    drafted: &Drafted,
    rows: Rows<'_>,
) -> Decided {
    let block = Block::new(&drafted.tokens, rows);
    let verdict = match rules.lenience {
        Some(lenience) => LenientGreedy(lenience).verify(block),
        None => greedy.verify(block),
    };
    let accepted = verdict.accepted;
    let tested = 0..drafted.tokens.len().min(accepted + 1);
    let overlaps = tested.clone().map(|i| if i < accepted { ONE } else { 0 }).collect();
    let other = |i: usize| i < accepted && drafted.tokens[i] != argmax(rows.row(i));
    let excess = tested.map(|i| if other(i) { ONE } else { 0 });
    let excess = rules.lenience.map(|_| excess.collect());
    Decided { verdict, overlaps, excess: excess.unwrap_or_default() }
}

/// Above temperature 0. `logits` are the target's, adjusted, rows of `width`, a row more than there are tokens; `position` is
/// the length of the context.
pub(super) fn sampled(
    rules: &Rules,
    verifier: &dyn SamplingVerifier,
    drafted: &Drafted,
    (logits, width): (&[f32], usize),
    position: usize,
    mut draws: Draws,
) -> Decided {
    let law = |logits: &[f32]| {
        let mut row = vec![0; width];
        probabilities(logits, &rules.sampling, &mut row);
        row
    };
    let rows: Vec<Vec<u32>> = logits.chunks_exact(width).map(law).collect();
    let target: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
    let draft: Vec<&[u32]> = drafted.rows.iter().map(Vec::as_slice).collect();
    let draft = if draft.is_empty() { Draft::PointMass } else { Draft::Rows(&draft) };
    let block = Sampled { position: position as u32, proposal: &drafted.tokens, target: &target, draft };
    let verdict = verifier.verify(&block, &mut draws);
    let tested = 0..drafted.tokens.len().min(verdict.accepted + 1);
    let overlap = |i: usize| match &rules.lenience {
        Some(lenience) => block.lenient_overlap(i, lenience),
        None => block.overlap(i),
    };
    let overlaps: Vec<u32> = tested.map(overlap).collect();
    let more = || overlaps.iter().enumerate().map(|(i, overlap)| overlap - block.overlap(i)).collect();
    let excess = rules.lenience.map(|_| more()).unwrap_or_default();
    Decided { verdict, overlaps, excess }
}
