//! What the host or the lookup found, or the draft model proposes.

use std::rc::Rc;

use super::{DraftReader, FILL_ROWS, TargetReader};
use crate::cpu::{Draft, Logits, Model};
use crate::round::{Rules, Shape, Source, Tree};
use crate::sampling::random::{Draw, Draws, Stream};
use crate::sampling::{ONE, UNSAYABLE, adjust, most_likely, probabilities, sound};
use crate::verify::{Replacement, candidates};

/// What was proposed, and what it was drawn from: no rows where it is greedy.
#[derive(Default)]
pub(super) struct Drafted {
    pub tree: Tree,
    /// What the children of each row were drawn from, as far as there are rows with children.
    pub rows: Vec<Vec<u32>>,
    pub replacement: Replacement,
    pub source: Source,
}

impl Drafted {
    /// Tokens that no draft has drawn.
    pub(super) fn found(tree: Tree, source: Source) -> Self {
        Self { tree, source, ..Self::default() }
    }

    /// At most `shape` of the draft model's own behind `context`, a pass for each level. It lags behind the context, so its first
    /// pass has several rows: after a round that accepted everything it has not read the last accepted token, and where it reads
    /// the target's states it reads all accepted tokens again, with theirs in place of its own.
    pub(super) fn by(
        draft: &mut DraftReader<Rc<Draft>>,
        target: &TargetReader<Rc<Model>>,
        context: &[u32],
        rules: &Rules,
        mut draws: Draws,
        shape: &Shape,
    ) -> Self {
        let Rules { sampling, confidence, .. } = rules;
        let vocab = target.model().config().vocab;
        draft.fill(&context[..context.len().saturating_sub(FILL_ROWS)], target.states());
        let mut drafted = Self { source: Source::Model, replacement: shape.replacement(), ..Self::default() };
        // The rows whose children are drafted next: nodes that came last, at first the context.
        let mut level = 0..1;
        for &width in shape.widths() {
            let logits = match level.start {
                0 => draft.catch_up(context, target.states(), Logits::Last),
                first => draft.draft_nodes(&drafted.tree, first - 1..level.end - 1, context.len()),
            };
            let said = draft.draft().config().head_vocab;
            for ((place, row), logits) in level.clone().enumerate().zip(logits.chunks_exact(said)) {
                let history = [context, &drafted.tree.said(row)].concat();
                let adjusts = sampling.adjusts();
                // Biases and penalties are of the target's ids; laws are not, and are made of fewer numbers without.
                let mut logits = logits.to_vec();
                if sampling.is_greedy() || adjusts {
                    logits = draft.draft().spread(logits, vocab, UNSAYABLE);
                    adjust(&mut logits, &history, sampling);
                }
                let tokens = if sampling.is_greedy() {
                    let unsure = *confidence > 0.0 && greatest_share(&logits) < *confidence;
                    most_likely(&logits, if unsure { 0 } else { width })
                } else {
                    let mut law = vec![0; logits.len()];
                    probabilities(&logits, sampling, &mut law);
                    let greatest = law.iter().copied().max().unwrap_or(0);
                    let unsure = (greatest as f32) < confidence * ONE as f32;
                    let law = if adjusts { law } else { draft.draft().spread(law, vocab, 0) };
                    let at = |rank| Draw {
                        position: history.len() as u32,
                        stream: Stream::Draft,
                        slot: (place * width + rank) as u32,
                    };
                    let count = if unsure { 0 } else { width };
                    let tokens = candidates(&law, count, shape.replacement(), at, &mut draws);
                    drafted.rows.push(law);
                    tokens
                };
                for token in tokens {
                    drafted.tree.push(row.checked_sub(1), token);
                }
            }
            level = level.end..drafted.tree.len() + 1;
            if level.is_empty() {
                break;
            }
        }
        if drafted.tree.is_chain() {
            // The last row may have no child.
            drafted.rows.truncate(drafted.tree.len());
        }
        drafted
    }

    /// Ends a chain where the target's logits (rows of `width`) behind it are not [`sound`], and a tree where a node's are not, and
    /// says whether they are anywhere: only if a path ends there does that row decide anything. What is left follows from the
    /// tokens before, so the law stays the target's (`docs/algorithms.md`: predictable ends). The second are the children of
    /// each row that is left.
    pub(super) fn end_at_fault(&mut self, logits: &mut Vec<f32>, width: usize) -> (bool, Vec<Vec<usize>>) {
        let mut faulty = false;
        if self.tree.is_chain()
            && let Some(fault) = logits.chunks_exact(width).position(|row| !sound(row))
        {
            self.tree.truncate(fault, fault);
            self.rows.truncate(fault);
            logits.truncate((fault + 1) * width);
            faulty = true;
        }
        let mut children = self.tree.children();
        for (row, children) in logits.chunks_exact(width).zip(&mut children) {
            if !sound(row) {
                children.clear();
                faulty = true;
            }
        }
        (faulty, children)
    }
}

/// The softmax of the greatest logit.
fn greatest_share(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    1.0 / logits.iter().map(|logit| (logit - top).exp()).sum::<f32>()
}
