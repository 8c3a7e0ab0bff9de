//! What the host or the lookup found, or the draft model says.

use crate::cpu::Draft;
use crate::round::{Source, Tree};
use crate::sampling::{Sampling, UNSAYABLE, adjust, sound};
use crate::verify::Replacement;

/// What was proposed, and what it was drawn from: no rows where it is greedy.
#[derive(Default)]
pub(super) struct Drafted {
    pub tree: Tree,
    /// What the children of each row were drawn from, as far as there are rows with children.
    pub rows: Vec<Vec<u32>>,
    pub replacement: Replacement,
    pub source: Source,
    /// Which of the nodes that the draft has read each node is; empty where it has read them as they are.
    pub reads: Vec<Option<usize>>,
}

impl Drafted {
    /// Tokens that no draft has drawn.
    pub(super) fn found(tree: Tree, source: Source) -> Self {
        Self { tree, source, ..Self::default() }
    }

    /// The beginning of `path` as far as the draft has read it, in its own numbers.
    pub(super) fn read_by_draft(&self, path: &[usize]) -> Vec<usize> {
        if self.reads.is_empty() {
            return path.to_vec();
        }
        path.iter().map_while(|node| self.reads[*node]).collect()
    }

    /// Ends a chain where the target's logits (rows of `width`) behind it are not [`sound`], and a tree where a node's are not, and
    /// says whether they are anywhere: only if a path ends there does that row decide anything. What is left follows from the
    /// tokens before, so the law stays the target's (`docs/algorithms.md`: predictable ends). The second are the children of
    /// each row that is left.
    pub(super) fn end_at_fault(&mut self, logits: &mut Vec<f32>, width: usize) -> (bool, Vec<Vec<usize>>) {
        let mut faulty = false;
        if self.tree.is_chain()
            && let Some(fault) = logits.chunks_exact(width).position(|row| !sound(row))
        {
            self.tree.truncate(fault, fault);
            self.rows.truncate(fault);
            logits.truncate((fault + 1) * width);
            faulty = true;
        }
        let mut children = self.tree.children();
        for (row, children) in logits.chunks_exact(width).zip(&mut children) {
            if !sound(row) {
                children.clear();
                faulty = true;
            }
        }
        (faulty, children)
    }
}

/// A draft's adjusted logits behind `history`, over the target's `vocab` ids.
pub(super) fn said_behind(
    draft: &Draft,
    logits: &[f32],
    vocab: usize,
    history: &[u32],
    sampling: &Sampling,
) -> Vec<f32> {
    let mut logits = draft.spread(logits.to_vec(), vocab, UNSAYABLE);
    adjust(&mut logits, history, sampling);
    logits
}
