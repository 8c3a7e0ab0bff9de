//! Passes that give more than logits, for drafts that read states, and passes over several sequences at once.

use super::Cache;
use super::layer::Place;
use super::model::{Input, Logits, Model};

/// Logits and the states that they were computed from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// Rows of `head_vocab` values.
    pub logits: Vec<f32>,
    /// As many rows of `width` values: the residual stream after the last layer, before the output norm.
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
        let mut hidden = Vec::new();
        let logits = self.forward_chunks(cache, Input::Tokens(tokens), start, which, Some(&mut hidden));
        Output { logits, hidden }
    }

    /// As [`Self::forward_hidden`] for rows that are not embeddings of tokens: `x` is rows of `width` values that take
    /// the embedding's place.
    ///
    /// # Panics
    /// As [`Model::forward`], and when `x` is not whole rows.
    pub fn forward_rows(&self, cache: &mut Cache, x: &[f32], start: usize, which: Logits) -> Output {
        assert!(x.len().is_multiple_of(self.config().width), "{} values are not whole rows", x.len());
        let mut hidden = Vec::new();
        let logits = self.forward_chunks(cache, Input::Rows(x), start, which, Some(&mut hidden));
        Output { logits, hidden }
    }

    /// One token of each of several sequences: `tokens[i]` at `positions[i]` of `caches[i]`. The sequences share the
    /// weights' way from memory; each row is bitwise what [`Model::forward`] gives for its sequence alone.
    ///
    /// # Panics
    /// As [`Model::forward`], and when there are not as many tokens as positions and caches.
    pub fn forward_batch(&self, caches: &mut [&mut Cache], tokens: &[u32], positions: &[usize]) -> Output {
        assert!(tokens.len() == caches.len() && positions.len() == caches.len(), "one token a sequence");
        let places: Vec<Place> =
            positions.iter().enumerate().map(|(cache, &position)| Place { cache, position }).collect();
        let mut output =
            Output { logits: vec![0.0; tokens.len() * self.config().head_vocab], hidden: Vec::new() };
        self.pass(caches, Input::Tokens(tokens), &places, 0, &mut output.logits, Some(&mut output.hidden));
        output
    }
}
