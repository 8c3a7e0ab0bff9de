//! Samples: tokens, the target's distribution at some positions, and its hidden states.

use std::ops::Range;

use half::f16;

use crate::cpu::math::exp;

/// Probabilities of a row that are kept; the rest is one number, the tail.
pub const TOP: usize = 64;

/// The target's distributions at some positions of a sample: the `top` most probable ids of each, and the mass of the
/// others together. At temperature 1, whatever the temperature that the text was sampled at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Where the rows stand: row `i` predicts the token at `positions[i] + 1`. Ascending.
    pub positions: Vec<u32>,
    /// `[row][top]`, the most probable first.
    pub ids: Vec<u32>,
    /// Their probabilities.
    pub p: Vec<f16>,
    /// What the other ids share.
    pub tail: Vec<f32>,
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Ids kept of each row.
    pub fn top(&self) -> usize {
        self.ids.len().checked_div(self.len()).unwrap_or(0)
    }

    /// Adds the softmax of `logits` for `position`.
    pub fn push(&mut self, position: u32, logits: &[f32]) {
        let (ids, p, tail) = top_probabilities(logits, TOP.min(logits.len()));
        self.positions.push(position);
        self.ids.extend(ids);
        self.p.extend(p.into_iter().map(f16::from_f32));
        self.tail.push(tail);
    }
}

/// `e^((logit - largest) / temperature)` of each logit, and their sum.
pub fn weights(logits: &[f32], temperature: f32) -> (Vec<f32>, f64) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = 1.0 / temperature;
    let weights: Vec<f32> = logits.iter().map(|logit| exp((logit - max) * scale)).collect();
    // Sums of a few hundred in f32 vectorize, and lose nothing that f16 would keep.
    let total = weights.chunks(256).map(|chunk| f64::from(chunk.iter().sum::<f32>())).sum();
    (weights, total)
}

/// The `top` largest probabilities of `softmax(logits)`, largest first (of equal ones the lowest id), and the sum of the
/// others.
pub fn top_probabilities(logits: &[f32], top: usize) -> (Vec<u32>, Vec<f32>, f32) {
    let (weights, total) = weights(logits, 1.0);
    let order = |a: &u32, b: &u32| weights[*b as usize].total_cmp(&weights[*a as usize]).then(a.cmp(b));
    // Most rows are decided among few: only where those are not enough are all of them ordered.
    let above = |least: f32| -> Vec<u32> {
        (0..weights.len() as u32).filter(|id| weights[*id as usize] >= least).collect()
    };
    let mut ids = above(1e-4);
    if ids.len() < top {
        ids = above(0.0);
    }
    if top < ids.len() {
        ids.select_nth_unstable_by(top, order);
        ids.truncate(top);
    }
    ids.sort_unstable_by(order);
    let p: Vec<f32> = ids.iter().map(|id| (f64::from(weights[*id as usize]) / total) as f32).collect();
    let kept: f64 = p.iter().map(|p| f64::from(*p)).sum();
    (ids, p, (1.0 - kept).max(0.0) as f32)
}

/// A text with what the target thinks of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// The target's distributions at the positions to learn from.
    pub rows: Rows,
    /// The target's hidden states (before the output norm) at every position but the last, `width` values each; empty
    /// where nobody needs them.
    pub hidden: Vec<f16>,
    /// The temperature that the answer was sampled at.
    pub temperature: f32,
}

impl Sample {
    /// The target's state at `position`, `width` values; `None` where the sample does not have it.
    pub fn state(&self, width: usize, position: usize) -> Option<&[f16]> {
        self.hidden.get(position * width..(position + 1) * width)
    }

    /// The target's states one position before each of `positions`: zeros before the first.
    ///
    /// # Panics
    /// When the sample does not have them.
    pub fn states_before(&self, width: usize, positions: Range<usize>) -> impl Iterator<Item = f32> + '_ {
        let (first, end) = (positions.start.saturating_sub(1), positions.end.saturating_sub(1));
        let zeros = if positions.contains(&0) { width } else { 0 };
        let known = &self.hidden[first * width..end * width];
        std::iter::repeat_n(0.0, zeros).chain(known.iter().map(|h| h.to_f32()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_and_the_rest_is_the_tail() {
        let logits: Vec<f32> = [0.1f32, 0.4, 0.2, 0.2, 0.1].iter().map(|p| p.ln() + 3.0).collect();
        let (ids, p, tail) = top_probabilities(&logits, 3);
        assert_eq!(ids, [1, 2, 3]);
        for (p, expected) in p.iter().zip([0.4, 0.2, 0.2]) {
            assert!((p - expected).abs() < 1e-6);
        }
        assert!((tail - 0.2).abs() < 1e-6);
        let (ids, _, tail) = top_probabilities(&logits, 5);
        assert_eq!(ids, [1, 2, 3, 0, 4]);
        assert!(tail < 1e-6);
    }

    #[test]
    fn states_stand_one_position_before() {
        let hidden = (1..7).map(|h| f16::from_f32(h as f32)).collect();
        let sample = Sample { hidden, tokens: vec![0; 4], ..Sample::default() };
        let before = |positions| sample.states_before(2, positions).collect::<Vec<_>>();
        assert_eq!(before(0..3), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(before(2..4), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(before(0..1), [0.0; 2]);
        assert!(before(0..0).is_empty() && before(1..1).is_empty());
        assert_eq!(sample.state(2, 2).unwrap(), [5.0, 6.0].map(f16::from_f32));
        assert!(sample.state(2, 3).is_none());
    }

    #[test]
    fn rows_are_laid_out_one_after_the_other() {
        let mut rows = Rows::default();
        let logits: Vec<f32> = (0..100).map(|i| ((i * 37) % 100) as f32 / 10.0).collect();
        rows.push(4, &logits);
        rows.push(9, &logits);
        assert_eq!((rows.len(), rows.top(), rows.ids.len(), rows.tail.len()), (2, TOP, 2 * TOP, 2));
        assert_eq!(rows.positions, [4, 9]);
        let kept: f32 = rows.p[..TOP].iter().map(|p| p.to_f32()).sum();
        assert!((kept + rows.tail[0] - 1.0).abs() < 2e-3, "{kept} + {}", rows.tail[0]);
    }
}
