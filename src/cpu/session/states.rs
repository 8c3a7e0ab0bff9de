//! The states that predicted a text's tokens: what a draft that reads its target is fed with.

use std::ops::Range;

use super::read_of;
use crate::cpu::PAGE;
use crate::model::Taps;
use crate::round::{Error, Memory};

/// A model's states at the first positions of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    taps: Taps,
    /// The first position whose state is still there.
    first: usize,
    /// Rows of `taps.width()` values.
    values: Vec<f32>,
}

impl States {
    /// None yet, of `taps.width()` values each.
    pub fn new(taps: Taps) -> Self {
        Self { taps, first: 0, values: Vec::new() }
    }

    /// What a state is.
    pub fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Sees to memory for those of the first `positions` positions, some more at a time.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn reserve(&mut self, positions: usize) -> Result<(), Error> {
        let needed = positions.saturating_sub(self.first).next_multiple_of(PAGE) * self.taps.width();
        let more = needed.saturating_sub(self.values.len());
        self.values.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { tokens: positions })
    }

    /// Gives back the memory that those of the first `positions` positions do not need.
    pub fn release(&mut self, positions: usize) {
        let needed = positions.saturating_sub(self.first).next_multiple_of(PAGE) * self.taps.width();
        self.values.shrink_to(needed);
    }

    /// Memory that they take.
    pub fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }

    /// Appends those of the next positions, whole rows.
    pub fn extend(&mut self, rows: &[f32]) {
        debug_assert!(rows.len().is_multiple_of(self.taps.width()));
        self.values.extend_from_slice(rows);
    }

    /// What `taps`, which are among its own, say of the states at `positions`: rows of `taps.width()` values.
    ///
    /// # Panics
    /// When it lacks one of them.
    pub fn at(&self, positions: Range<usize>, taps: &Taps) -> Vec<f32> {
        let width = self.taps.width();
        assert!(self.first <= positions.start, "the states before {} are forgotten", self.first);
        let rows = &self.values[(positions.start - self.first) * width..(positions.end - self.first) * width];
        if *taps == self.taps {
            return rows.to_vec();
        }
        let layer_width = taps.layer_width();
        let mut part = Vec::with_capacity(positions.len() * taps.width());
        for row in rows.chunks_exact(width) {
            for layer in taps.layers() {
                let at = self.taps.position(*layer);
                assert!(at.is_some(), "no states of layer {layer}");
                part.extend_from_slice(&row[at.unwrap_or(0) * layer_width..][..layer_width]);
            }
        }
        part
    }

    /// As [`Self::at`], of the state one position before each of `positions`, zeros before the first position of all: what
    /// predicted the tokens there.
    ///
    /// # Panics
    /// As [`Self::at`].
    pub fn before(&self, positions: Range<usize>, taps: &Taps) -> Vec<f32> {
        if positions.is_empty() {
            return Vec::new();
        }
        let zeros = if positions.start == 0 { taps.width() } else { 0 };
        let known = self.at(positions.start.saturating_sub(1)..positions.end - 1, taps);
        [vec![0.0; zeros], known].concat()
    }

    /// Lets go of the states at positions before `position`, which nobody will ask for.
    pub fn forget(&mut self, position: usize) {
        let gone = position.min(self.len()).saturating_sub(self.first);
        self.values.drain(..gone * self.taps.width());
        self.first += gone;
    }
}

impl Memory for States {
    fn len(&self) -> usize {
        self.first + self.values.len() / self.taps.width()
    }

    fn truncate(&mut self, len: usize) {
        self.first = self.first.min(len);
        self.values.truncate((len - self.first) * self.taps.width());
    }

    fn accept(&mut self, from: usize, path: &[usize]) {
        let (width, path) = (self.taps.width(), read_of(self.len(), from, path));
        for (to, slot) in path.iter().enumerate() {
            let [slot, to] = [from + slot, from + to].map(|at| (at - self.first) * width);
            self.values.copy_within(slot..slot + width, to);
        }
        self.truncate(from + path.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;
    use crate::model::tiny::Tiny;

    fn config() -> Config {
        Tiny { width: 2, heads: 1, kv_heads: 1, head_dim: 2, ..Tiny::default() }.config()
    }

    #[test]
    fn what_predicted_a_token_is_the_state_before_it() {
        let taps = Taps::last(&config());
        let mut states = States::new(taps.clone());
        states.extend(&[1.0, 2.0, 3.0, 4.0]);
        states.extend(&[5.0, 6.0]);
        assert_eq!(states.len(), 3);
        assert_eq!(states.before(0..1, &taps), [0.0, 0.0]);
        assert_eq!(states.before(0..3, &taps), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(states.before(3..4, &taps), [5.0, 6.0]);
        assert_eq!(states.before(2..2, &taps), [0.0; 0]);
        states.truncate(1);
        states.truncate(5);
        assert_eq!((states.len(), states.before(1..2, &taps)), (1, vec![1.0, 2.0]));
    }

    #[test]
    fn a_path_of_a_tree_is_kept() {
        let taps = Taps::last(&config());
        let mut states = States::new(taps.clone());
        (0..6).for_each(|i| states.extend(&[i as f32; 2]));
        states.forget(1);
        states.accept(2, &[1, 3]);
        assert_eq!((states.len(), states.at(1..4, &taps)), (4, vec![1.0, 1.0, 3.0, 3.0, 5.0, 5.0]));
        states.accept(4, &[0, 2]);
        assert_eq!(states.len(), 4, "of nodes that were never read");
    }

    #[test]
    fn a_draft_may_read_fewer_layers_than_are_kept_and_old_states_are_let_go() {
        let taps = |layers: &[usize]| Taps::new(layers.to_vec(), &config()).unwrap();
        let mut states = States::new(taps(&[0, 1]));
        states.extend(&[1.0, 2.0, 10.0, 20.0]);
        states.extend(&[3.0, 4.0, 30.0, 40.0, 5.0, 6.0, 50.0, 60.0]);
        assert_eq!(states.before(0..3, &taps(&[0])), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(states.at(1..3, &taps(&[1])), [30.0, 40.0, 50.0, 60.0]);
        states.forget(2);
        states.forget(1);
        assert_eq!((states.len(), states.before(3..4, &taps(&[0, 1]))), (3, vec![5.0, 6.0, 50.0, 60.0]));
        states.truncate(1);
        states.extend(&[7.0, 8.0, 70.0, 80.0]);
        assert_eq!((states.len(), states.at(1..2, &taps(&[0]))), (2, vec![7.0, 8.0]));
    }
}
