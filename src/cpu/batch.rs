//! Passes that give more than logits, for drafts that read states, and passes over several sequences at once.

use super::Cache;
use super::layer::Place;
use super::model::{Input, Logits, Model};
use super::tapped::States;
use crate::model::Taps;

/// Logits and the states that they were computed from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// Rows of `head_vocab` values.
    pub logits: Vec<f32>,
    /// As many rows of states: of `width` values, the residual stream after the last layer, before the output norm, unless
    /// other [`Taps`] are asked for.
    pub hidden: Vec<f32>,
}

impl Model {
    /// As [`Model::forward`], and gives the hidden state of each row that has logits (of every row for
    /// [`Logits::States`]): the residual stream after the last layer, before the output norm (`logits = head *
    /// rms_norm(hidden)`).
    ///
    /// # Panics
    /// As [`Model::forward`].
    pub fn forward_hidden(&self, cache: &mut Cache, tokens: &[u32], start: usize, which: Logits) -> Output {
        self.forward_tapped(cache, tokens, start, which, &Taps::last(self.config()))
    }

    /// As [`Self::forward_hidden`], and gives the states that `taps` says: rows of `taps.width()` values.
    ///
    /// # Panics
    /// As [`Model::forward`].
    pub fn forward_tapped(
        &self,
        cache: &mut Cache,
        tokens: &[u32],
        start: usize,
        which: Logits,
        taps: &Taps,
    ) -> Output {
        let mut states = States::new(taps);
        let logits = self.forward_chunks(cache, Input::Tokens(tokens), start, which, Some(&mut states));
        Output { logits, hidden: states.values }
    }

    /// As [`Self::forward_hidden`] for rows that are not embeddings of tokens: `x` is rows of `width` values that take
    /// the embedding's place.
    ///
    /// # Panics
    /// As [`Model::forward`], and when `x` is not whole rows.
    pub fn forward_rows(&self, cache: &mut Cache, x: &[f32], start: usize, which: Logits) -> Output {
        assert!(x.len().is_multiple_of(self.config().width), "{} values are not whole rows", x.len());
        let taps = Taps::last(self.config());
        let mut states = States::new(&taps);
        let logits = self.forward_chunks(cache, Input::Rows(x), start, which, Some(&mut states));
        Output { logits, hidden: states.values }
    }

    /// One token of each of several sequences: `tokens[i]` at `positions[i]` of `caches[i]`, with the states that `taps`
    /// says. The sequences share the weights' way from memory; each row is bitwise what [`Model::forward`] gives for its
    /// sequence alone.
    ///
    /// # Panics
    /// As [`Model::forward`], and when there are not as many tokens as positions and caches.
    pub fn forward_batch(
        &self,
        caches: &mut [&mut Cache],
        tokens: &[u32],
        positions: &[usize],
        taps: &Taps,
    ) -> Output {
        self.batch(caches, Input::Tokens(tokens), positions, taps)
    }

    /// One row of each of several sequences.
    pub(super) fn batch(
        &self,
        caches: &mut [&mut Cache],
        input: Input<'_>,
        positions: &[usize],
        taps: &Taps,
    ) -> Output {
        let rows = input.rows(self.config().width);
        assert!(rows == caches.len() && positions.len() == caches.len(), "one token a sequence");
        let places = positions.iter().enumerate().map(|(cache, &position)| Place { cache, position });
        let places: Vec<Place> = places.collect();
        let mut states = States::new(taps);
        let mut logits = vec![0.0; positions.len() * self.config().head_vocab];
        self.pass(caches, input, &places, 0, &mut logits, Some(&mut states));
        Output { logits, hidden: states.values }
    }
}
