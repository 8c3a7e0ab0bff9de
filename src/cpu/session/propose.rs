//! What the host or the lookup found, or the draft model proposes.

use std::rc::Rc;

use super::{DraftReader, FILL_ROWS, TargetReader};
use crate::cpu::{Draft, Logits, Model};
use crate::round::{Rules, Source};
use crate::sampling::random::{Draw, Draws, Stream};
use crate::sampling::{ONE, UNSAYABLE, adjust, argmax, probabilities, sound};
use crate::verify::Choices as _;

/// What was proposed, and what it was drawn from: no rows where it is greedy.
#[derive(Default)]
pub(super) struct Drafted {
    pub tokens: Vec<u32>,
    pub rows: Vec<Vec<u32>>,
    pub source: Source,
}

impl Drafted {
    /// Tokens that no draft has drawn.
    pub(super) fn found(tokens: Vec<u32>, source: Source) -> Self {
        Self { tokens, rows: Vec::new(), source }
    }

    /// At most `steps` tokens of the draft model's own behind `context`. It lags behind the context, so its first pass has
    /// several rows: after a round that accepted everything it has not read the last accepted token, and where it reads the
    /// target's states it reads all accepted tokens again, with theirs in place of its own.
    pub(super) fn by(
        draft: &mut DraftReader<Rc<Draft>>,
        target: &TargetReader<Rc<Model>>,
        context: &[u32],
        rules: &Rules,
        mut draws: Draws,
        steps: usize,
    ) -> Self {
        let Rules { sampling, confidence, .. } = rules;
        let vocab = target.model().config().vocab;
        draft.fill(&context[..context.len().saturating_sub(FILL_ROWS)], target.states());
        let mut drafted = Self { source: Source::Model, ..Self::default() };
        let mut history = context.to_vec();
        while drafted.tokens.len() < steps {
            let mut logits = match drafted.tokens.last() {
                None => draft.catch_up(context, target.states(), Logits::Last),
                Some(&id) => draft.draft_on(id, history.len() - 1),
            };
            let spreads = draft.draft();
            // Biases and penalties are of the target's ids; laws are not, and are made of fewer numbers without.
            if sampling.is_greedy() || sampling.adjusts() {
                logits = spreads.spread(logits, vocab, UNSAYABLE);
                adjust(&mut logits, &history, sampling);
            }
            let token = if sampling.is_greedy() {
                if *confidence > 0.0 && greatest_share(&logits) < *confidence {
                    break;
                }
                argmax(&logits)
            } else {
                let mut row = vec![0; logits.len()];
                probabilities(&logits, sampling, &mut row);
                let greatest = row.iter().copied().max().unwrap_or(0);
                if (greatest as f32) < confidence * ONE as f32 {
                    break;
                }
                let at = Draw { position: history.len() as u32, stream: Stream::Draft, slot: 0 };
                let row = if sampling.adjusts() { row } else { spreads.spread(row, vocab, 0) };
                let token = draws.token(at, &row);
                drafted.rows.push(row);
                token
            };
            drafted.tokens.push(token);
            history.push(token);
        }
        drafted
    }

    /// Ends the proposal where the target's logits (rows of `width`) behind it are not [`sound`], and says whether they are
    /// anywhere: only if all that is left is accepted does that row decide anything. What is left follows from the tokens
    /// before, so the law stays the target's (`docs/algorithms.md`: predictable ends).
    pub(super) fn end_at_fault(&mut self, logits: &mut Vec<f32>, width: usize) -> bool {
        let Some(fault) = logits.chunks_exact(width).position(|row| !sound(row)) else { return false };
        self.tokens.truncate(fault);
        self.rows.truncate(fault);
        logits.truncate((fault + 1) * width);
        true
    }
}

/// The softmax of the greatest logit.
fn greatest_share(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    1.0 / logits.iter().map(|logit| (logit - top).exp()).sum::<f32>()
}
