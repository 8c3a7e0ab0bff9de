//! Passes that give more than logits, for drafts that read states, and passes over several sequences at once: those of a
//! batch, and those that a tree holds.

use std::ops::Range;

use super::Cache;
use super::layer::Place;
use super::model::{Input, Logits, Model};
use super::ops::attention::Sight;
use super::tapped::States;
use crate::model::Taps;
use crate::round::Tree;

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
        let places = positions.iter().enumerate().map(|(cache, &position)| Place::at(cache, position));
        let places: Vec<Place> = places.collect();
        let mut states = States::new(taps);
        let mut logits = vec![0.0; positions.len() * self.config().head_vocab];
        self.pass(caches, input, &places, 0, &mut logits, Some(&mut states));
        Output { logits, hidden: states.values }
    }

    /// The rows `rows` of a tree behind `from` positions, in one pass: row 0 is the token at `from - 1`, row `n + 1` node `n`,
    /// kept in the slot `from + n`. Each reads the context and its own path, in the order of plain decoding of that path, so
    /// that it is bitwise what [`Model::forward`] gives for that. Rows before these have been read.
    ///
    /// # Panics
    /// As [`Model::forward`].
    pub(super) fn forward_tree(
        &self,
        cache: &mut Cache,
        input: Input<'_>,
        (tree, rows): (&Tree, Range<usize>),
        from: usize,
        taps: &Taps,
    ) -> Output {
        let slots = |row: usize| match row.checked_sub(1).map(|node| tree.path(node)) {
            // Slots are positions.
            None => (from - 1, Vec::new()),
            Some(path) if path.last() == Some(&(path.len() - 1)) => (from + path.len() - 1, Vec::new()),
            Some(path) => (from + path.len() - 1, path.iter().map(|node| from + node).collect()),
        };
        let paths: Vec<(usize, Vec<usize>)> = rows.clone().map(slots).collect();
        let places = paths
            .iter()
            .map(|(position, path)| Place { cache: 0, sight: Sight { position: *position, path } });
        let places: Vec<Place<'_>> = places.collect();
        let mut states = States::new(taps);
        let mut logits = vec![0.0; rows.len() * self.config().head_vocab];
        self.pass(&mut [cache], input, &places, 0, &mut logits, Some(&mut states));
        Output { logits, hidden: states.values }
    }
}
