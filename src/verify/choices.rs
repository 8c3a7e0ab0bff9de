//! Where a verifier's decisions come from: random words, or a test that enumerates them.

use crate::sampling::random::{Draw, Draws};
use crate::sampling::{ONE, pick};

/// Random decisions in integers. [`Draws`] makes them; a replay can go through all of them (`docs/algorithms.md`: laws,
/// enumerated).
pub trait Choices {
    /// True with probability `numerator / denominator`, always where that is more than 1.
    /// `denominator > 0`; both are at most 2^62.
    fn bernoulli(&mut self, at: Draw, numerator: u128, denominator: u128) -> bool;

    /// `i < len` with probability `weight(i) / total`, where `total > 0` is the sum of the weights, at most 2^62.
    fn categorical(&mut self, at: Draw, len: usize, weight: &dyn Fn(usize) -> u64, total: u64) -> usize;

    /// A token from a row that sums to [`ONE`].
    fn token(&mut self, at: Draw, row: &[u32]) -> u32 {
        self.categorical(at, row.len(), &|i| row[i].into(), ONE.into()) as u32
    }
}

impl Choices for Draws {
    fn bernoulli(&mut self, at: Draw, numerator: u128, denominator: u128) -> bool {
        u128::from(self.word(at)) * denominator < numerator << 32
    }

    fn categorical(&mut self, at: Draw, len: usize, weight: &dyn Fn(usize) -> u64, total: u64) -> usize {
        pick(weight, len, total, self.word(at))
    }
}
