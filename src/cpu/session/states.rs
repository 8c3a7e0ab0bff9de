//! The states that predicted a text's tokens: what a draft that reads its target is fed with.

use std::ops::Range;

use crate::model::Taps;
use crate::round::Memory;

/// A model's states at the first positions of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    taps: Taps,
    /// Of a state.
    width: usize,
    values: Vec<f32>,
}

impl States {
    /// None yet, of `taps.width()` values each.
    pub fn new(taps: Taps) -> Self {
        Self { width: taps.width(), taps, values: Vec::new() }
    }

    /// What a state is.
    pub fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Appends those of the next positions, whole rows.
    pub fn extend(&mut self, rows: &[f32]) {
        debug_assert!(rows.len().is_multiple_of(self.width));
        self.values.extend_from_slice(rows);
    }

    /// Rows, one behind the other.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The state one position before each of `positions`, zeros before the first position of all: what predicted the tokens
    /// there.
    ///
    /// # Panics
    /// When it has fewer than `positions.end - 1` states.
    pub fn before(&self, positions: Range<usize>) -> Vec<f32> {
        if positions.is_empty() {
            return Vec::new();
        }
        let mut before = if positions.start == 0 { vec![0.0; self.width] } else { Vec::new() };
        let first = positions.start.saturating_sub(1);
        before.extend_from_slice(&self.values[first * self.width..(positions.end - 1) * self.width]);
        before
    }
}

impl Memory for States {
    fn len(&self) -> usize {
        self.values.len() / self.width
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len * self.width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_predicted_a_token_is_the_state_before_it() {
        let config =
            crate::model::tiny::Tiny { width: 2, heads: 1, kv_heads: 1, head_dim: 2, ..Default::default() };
        let mut states = States::new(Taps::last(&config.config()));
        states.extend(&[1.0, 2.0, 3.0, 4.0]);
        states.extend(&[5.0, 6.0]);
        assert_eq!(states.len(), 3);
        assert_eq!(states.before(0..1), [0.0, 0.0]);
        assert_eq!(states.before(0..3), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(states.before(3..4), [5.0, 6.0]);
        assert_eq!(states.before(2..2), [0.0; 0]);
        states.truncate(1);
        states.truncate(5);
        assert_eq!((states.len(), states.before(1..2)), (1, vec![1.0, 2.0]));
    }
}
