//! The target, as far as a draft shares it.

use crate::model::Config;

/// A target's matrices that drafts read and never change.
pub trait Matrices {
    /// The target's hyper-parameters: its width, and how many rows each matrix has.
    fn config(&self) -> &Config;

    /// Whether its head adds a bias, which no draft that learns has.
    fn has_head_bias(&self) -> bool;

    /// Rows `ids` of the token embedding, `width` values each, to `out`.
    ///
    /// # Panics
    /// When there is no such row, or `out` has not `ids.len() * width` values.
    fn embedding_rows(&self, ids: &[u32], out: &mut [f32]);

    /// Rows `ids` of the head (the embedding where it is tied), `width` values each, to `out`.
    ///
    /// # Panics
    /// When there is no such row, or `out` has not `ids.len() * width` values.
    fn head_rows(&self, ids: &[u32], out: &mut [f32]);
}
