//! The states that a pass leaves to those who read them.

use crate::model::Taps;

/// States of the rows of a pass.
pub(super) struct States<'a> {
    taps: &'a Taps,
    /// Rows of `taps.width()` values.
    pub values: Vec<f32>,
}

impl<'a> States<'a> {
    pub(super) fn new(taps: &'a Taps) -> Self {
        Self { taps, values: Vec::new() }
    }

    /// Makes room for the states of `rows` more rows, and says where they begin.
    pub(super) fn extend(&mut self, rows: usize) -> usize {
        let begin = self.values.len();
        self.values.resize(begin + rows * self.taps.width(), 0.0);
        begin
    }

    /// Takes what `layer` leaves in the rows `hidden`, where it is tapped, as part of the states from `begin` on.
    pub(super) fn keep(&mut self, begin: usize, layer: usize, hidden: &[f32]) {
        let Some(at) = self.taps.position(layer) else { return };
        let (width, all) = (self.taps.layer_width(), self.taps.width());
        let states = self.values[begin..].chunks_exact_mut(all);
        for (state, row) in states.zip(hidden.chunks_exact(width)) {
            state[at * width..][..width].copy_from_slice(row);
        }
    }
}
