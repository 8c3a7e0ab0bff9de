//! Several candidates for a position (arXiv 2401.06706): which path through a tree of proposed tokens is kept.
//!
//! # In whole numbers, and without loss
//!
//! At a node the candidates are tried in order. `R`, of the sum `T`, is what is left to be said there: first the target's row.
//! `Q`, of the sum `U`, is what the next candidate was drawn from: first the draft's row; without replacement, less the ids
//! that were tried; for a token that nobody drew, everything is at its id. With
//!
//! ```text
//! K(x) = min(R(x), floor(Q(x) T / U))
//! ```
//!
//! a candidate x is kept with probability `K(x) U / (Q(x) T)`, at most 1; once it is refused, `R - K` is left. Behind the last
//! one a token is drawn from what is left.
//!
//! *Claim*: the token that comes has the law `R / T`. It is a kept x with probability `Q(x) / U * K(x) U / (Q(x) T) = K(x) / T`.
//! It is refused with probability `(T - sum K) / T`, and then, by induction over the candidates, has the law
//! `(R - K) / (T - sum K)`: together `(K + R - K)(x) / T`. How the next candidate was drawn depends on the refused ones alone, and
//! how many there are was settled before any was drawn. ∎
//!
//! Flooring costs acceptance, not the law: less than `1 / T` an id. So that it stays so, `R` and `T` are doubled as often as `T` stays
//! within `2^31`, which changes no probability. For the first candidate `T = U`, and the rule is that of
//! [`TokenWise`](super::TokenWise).

use std::borrow::Cow;

use super::{Choices, Draft, Rows};
use crate::sampling::random::{Draw, Stream};
use crate::sampling::{ONE, argmax};

/// How siblings are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replacement {
    /// Each from what those before have left: all are different.
    #[default]
    Without,
    /// All from the same row.
    With,
}

/// A tree of proposed tokens, and everything known about it. Row 0 is behind the context, row `i + 1` behind token `i`.
#[derive(Clone, Copy)]
pub struct SampledTree<'a> {
    /// Absolute position of the first proposed tokens: the length of the context.
    pub position: u32,
    /// The proposed tokens.
    pub tokens: &'a [u32],
    /// The tokens that follow each row, in the order in which they were drawn.
    pub children: &'a [Vec<usize>],
    /// The target's row; it sums to [`ONE`].
    pub target: &'a dyn Fn(usize) -> Cow<'a, [u32]>,
    /// What the children of each row were drawn from.
    pub draft: Draft<'a>,
    /// How.
    pub replacement: Replacement,
}

/// A path that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Its tokens, by their places in the tree.
    pub path: Vec<usize>,
    /// The target's own token behind them.
    pub next: u32,
    /// The probability, in units of [`ONE`], that a child was kept, at each row where there were any: of those that were drawn,
    /// the last aside, which could have been any. Its mean is the rate at which children are kept.
    pub overlaps: Vec<u32>,
}

/// Walks to the child that the target would have said, as long as there is one. `target` is its logits, row by row.
pub fn walk_greedily(tokens: &[u32], children: &[Vec<usize>], target: Rows<'_>) -> Walk {
    let mut walk = Walk::default();
    let mut row = 0;
    loop {
        walk.next = argmax(target.row(row));
        if children[row].is_empty() {
            return walk;
        }
        let child = children[row].iter().find(|child| tokens[**child] == walk.next);
        walk.overlaps.push(if child.is_some() { ONE } else { 0 });
        let Some(&child) = child else { return walk };
        walk.path.push(child);
        row = child + 1;
    }
}

/// Walks to the first child that is kept, as long as one is. All randomness comes from `choices`.
pub fn walk(tree: &SampledTree<'_>, choices: &mut dyn Choices) -> Walk {
    let mut walk = Walk::default();
    let mut row = 0;
    loop {
        let at = |stream, slot| Draw { position: tree.position + walk.path.len() as u32, stream, slot };
        let mut left = Left { weights: (tree.target)(row), total: ONE.into() };
        let mut law = tree.law(row);
        let (mut kept, mut missed) = (None, 1.0);
        for (rank, &child) in tree.children[row].iter().enumerate() {
            let id = tree.tokens[child];
            let (numerator, denominator) = left.chance(&law, id);
            if kept.is_none() {
                let at = at(Stream::Accept, rank as u32);
                kept = choices.bernoulli(at, numerator.into(), denominator.into()).then_some(child);
            }
            let others = left.refuse(&law, id);
            let is_last = rank + 1 == tree.children[row].len();
            missed *= if is_last { others } else { 1.0 - numerator as f64 / denominator as f64 };
            law.refuse(id);
        }
        if !tree.children[row].is_empty() {
            walk.overlaps.push(((1.0 - missed) * f64::from(ONE)).round() as u32);
        }
        let Some(child) = kept else {
            let at = at(Stream::Residual, 0);
            walk.next = match left.total {
                // With probability 0 only.
                0 => choices.token(at, &(tree.target)(row)),
                total => {
                    let weight = |i: usize| left.weights[i].into();
                    choices.categorical(at, left.weights.len(), &weight, total) as u32
                }
            };
            return walk;
        };
        walk.path.push(child);
        row = child + 1;
    }
}

/// Draws `count` candidates from a row that sums to [`ONE`], in order; fewer without replacement from a row of fewer ids, which
/// does not depend on what is drawn. `at(i)` is the address of the `i`-th draw.
pub fn candidates(
    row: &[u32],
    count: usize,
    replacement: Replacement,
    at: impl Fn(usize) -> Draw,
    choices: &mut dyn Choices,
) -> Vec<u32> {
    let (mut left, mut total) = (Cow::Borrowed(row), u64::from(ONE));
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count && total > 0 {
        let id = choices.categorical(at(drawn.len()), left.len(), &|i| left[i].into(), total);
        drawn.push(id as u32);
        if replacement == Replacement::Without && drawn.len() < count {
            total -= u64::from(left[id]);
            left.to_mut()[id] = 0;
        }
    }
    drawn
}

/// `R`, of the sum `T`.
struct Left<'a> {
    weights: Cow<'a, [u32]>,
    total: u64,
}

/// `Q`, of the sum `U`.
enum Law<'a> {
    /// Of a candidate that nobody drew.
    Certain,
    Drawn {
        row: Cow<'a, [u32]>,
        total: u64,
        replacement: Replacement,
    },
}

impl<'a> SampledTree<'a> {
    fn law(&self, row: usize) -> Law<'a> {
        match self.draft {
            Draft::PointMass => Law::Certain,
            Draft::Rows(rows) => Law::drawn(rows.get(row).copied().unwrap_or_default(), self.replacement),
        }
    }
}

impl<'a> Law<'a> {
    fn drawn(row: &'a [u32], replacement: Replacement) -> Self {
        Self::Drawn { row: Cow::Borrowed(row), total: ONE.into(), replacement }
    }

    /// What the next candidate was drawn from, where this one was `id`.
    fn refuse(&mut self, id: u32) {
        if let Self::Drawn { row, total, replacement: Replacement::Without } = self {
            let q = row.get(id as usize).copied().unwrap_or(0);
            if q > 0 {
                *total -= u64::from(q);
                row.to_mut()[id as usize] = 0;
            }
        }
    }
}

impl Left<'_> {
    fn weight(&self, id: u32) -> u32 {
        self.weights.get(id as usize).copied().unwrap_or(0)
    }

    /// Numerator and denominator of the probability that `id`, drawn from `law`, is kept.
    fn chance(&self, law: &Law<'_>, id: u32) -> (u64, u64) {
        let weight = self.weight(id);
        match law {
            Law::Certain => (weight.into(), self.total.max(1)),
            Law::Drawn { row, total, .. } => {
                // q is never 0 for a token that was drawn from it.
                let q = row.get(id as usize).copied().unwrap_or(0).max(1);
                let kept = kept(weight, q, self.total, *total);
                (u64::from(kept) * total, u64::from(q) * self.total.max(1))
            }
        }
    }

    /// Takes off what a candidate of `law`, which was `id`, is kept with: the share of what was left that is still left.
    fn refuse(&mut self, law: &Law<'_>, id: u32) -> f64 {
        let before = self.total;
        match law {
            Law::Certain => {
                self.total -= u64::from(self.weight(id));
                if let Some(weight) = self.weights.to_mut().get_mut(id as usize) {
                    *weight = 0;
                }
            }
            Law::Drawn { row, total, .. } => {
                for (weight, q) in self.weights.to_mut().iter_mut().zip(row.iter()) {
                    let kept = kept(*weight, *q, before, *total);
                    *weight -= kept;
                    self.total -= u64::from(kept);
                }
            }
        }
        let left = self.total as f64 / before.max(1) as f64;
        if let Law::Drawn { .. } = law {
            self.double();
        }
        left
    }

    /// Doubles everything as often as the sum stays within [`ONE`].
    fn double(&mut self) {
        let doublings = self.total.saturating_sub(1).leading_zeros() - u64::from(ONE - 1).leading_zeros();
        if self.total > 0 && doublings > 0 {
            self.total <<= doublings;
            self.weights.to_mut().iter_mut().for_each(|weight| *weight <<= doublings);
        }
    }
}

/// `K(x)`.
fn kept(weight: u32, q: u32, total: u64, of: u64) -> u32 {
    if total == of { weight.min(q) } else { u64::from(weight).min(u64::from(q) * total / of.max(1)) as u32 }
}
