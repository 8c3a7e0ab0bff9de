//! Drafts of the format of [`crate::model::draft`]: fed by the target's hidden states, sharing its matrices, predicting
//! some of its ids.

use std::ops::Range;
use std::sync::Arc;

use super::batch::Output;
use super::layer::prepare;
use super::matrix::Matrix;
use super::model::{Input, Logits, Model};
use super::ops::fuse::fuse;
use super::ops::matvec::matvecs;
use super::{Cache, Team, activations::Activations};
use crate::model::{self, Taps};
use crate::round::{Fit, Tree};

/// A loaded draft. It must run beside the target that it was loaded for.
pub struct Draft {
    pub(super) model: Model,
    /// `None` where it is fed by tokens alone.
    pub(super) fuse: Option<Fuse>,
    /// Target id of each draft id; `None` where they are the same.
    pub(super) ids: Option<Vec<u32>>,
    /// What it reads of the target's states, where it reads any.
    pub(super) taps: Option<Taps>,
    /// The embedding of the target that it was loaded for, where it has more of it than its ids.
    pub(super) of: Option<Arc<Matrix>>,
}

/// How a token and the target's state become a row of the draft's width.
pub(super) struct Fuse {
    pub embedding_norm: Vec<f32>,
    pub hidden_norm: Vec<f32>,
    pub matrix: Matrix,
}

impl Draft {
    /// A plain model as a draft: token-fed, its head predicts the first ids.
    pub fn plain(model: Model) -> Self {
        Self { model, fuse: None, ids: None, taps: None, of: None }
    }

    /// As [`Model::set_team`].
    pub fn set_team(&mut self, team: Team) {
        self.model.set_team(team);
    }

    /// Hyper-parameters.
    pub fn config(&self) -> &model::Config {
        self.model.config()
    }

    /// Whether it reads the target's states.
    pub fn reads_hidden(&self) -> bool {
        self.taps.is_some()
    }

    /// What it reads of the target's states; `None` where it reads tokens alone.
    pub fn taps(&self) -> Option<&Taps> {
        self.taps.as_ref()
    }

    /// What must be so for it to propose for `target`.
    pub(super) fn fit(&self, target: &Model) -> Fit<'_> {
        let says = match &self.ids {
            None => self.config().head_vocab,
            Some(ids) => ids.last().map_or(0, |last| *last as usize + 1),
        };
        Fit {
            shares: self.of.as_ref().is_none_or(|of| Arc::ptr_eq(of, &target.embedding)),
            says,
            taps: self.taps(),
            positions: self.model.capacity,
        }
    }

    /// Its own state in the place of the target's: once for each tap.
    pub fn own_state(&self, hidden: &[f32]) -> Vec<f32> {
        hidden.repeat(self.taps.as_ref().map_or(1, |taps| taps.layers().len()))
    }

    /// Target id of each draft id; `None` where they are the same.
    pub fn ids(&self) -> Option<&[u32]> {
        self.ids.as_deref()
    }

    /// The target id of a draft id.
    pub fn target_id(&self, id: u32) -> u32 {
        self.ids.as_ref().map_or(id, |ids| ids[id as usize])
    }

    /// The draft id of a target id; `None` where the draft cannot say it.
    pub fn draft_id(&self, id: u32) -> Option<u32> {
        match &self.ids {
            None => ((id as usize) < self.config().head_vocab).then_some(id),
            Some(ids) => ids.binary_search(&id).ok().map(|at| at as u32),
        }
    }

    /// A row over the draft's ids as one over `vocab` target ids, with `other` where the draft has no id:
    /// [`UNSAYABLE`](crate::sampling::UNSAYABLE) in logits, 0 in probabilities.
    pub fn spread<T: Copy>(&self, row: Vec<T>, vocab: usize, other: T) -> Vec<T> {
        let Some(ids) = &self.ids else { return row };
        let mut all = vec![other; vocab];
        ids.iter().zip(row).for_each(|(id, value)| all[*id as usize] = value);
        all
    }

    /// Memory of the matrices that are its own; those of the head are, even where they are copies of the target's.
    pub fn bytes(&self) -> usize {
        self.model.bytes() - self.model.embedding.bytes()
            + self.fuse.as_ref().map_or(0, |fuse| fuse.matrix.bytes())
    }

    /// As that of [`Model`], without what is the target's.
    pub(super) fn all_bytes(&self) -> usize {
        let embedding = &self.model.embedding;
        let of_target = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, embedding));
        let fuse = self.fuse.as_ref().map_or(0, |fuse| fuse.matrix.bytes());
        self.model.all_bytes() + fuse - if of_target { embedding.bytes() } else { 0 }
    }

    /// Runs `tokens` at positions `start..start + tokens.len()`. `states[i]` (rows as wide as its [`taps`](Self::taps)) is
    /// what predicted `tokens[i]`: the target's state one position before it, zeros at position 0, or
    /// [its own](Self::own_state) where it drafts on. It is not read where the draft is fed by tokens alone.
    ///
    /// Batch-invariant, as [`Model::forward`].
    ///
    /// # Panics
    /// As [`Model::forward`], and when there are not as many states as tokens.
    pub fn forward(
        &self,
        cache: &mut Cache,
        tokens: &[u32],
        states: &[f32],
        start: usize,
        which: Logits,
    ) -> Output {
        let tokens = &self.known(tokens)[..];
        match &self.fuse {
            None => self.model.forward_hidden(cache, tokens, start, which),
            Some(fuse) => self.model.forward_rows(cache, &self.fused(fuse, tokens, states), start, which),
        }
    }

    /// As [`Self::forward`], nodes of a tree behind `from` positions, as [`Model::forward_tree`].
    pub(super) fn forward_tree(
        &self,
        cache: &mut Cache,
        tree: &Tree,
        nodes: Range<usize>,
        states: &[f32],
        from: usize,
    ) -> Output {
        let tokens = &self.known(&tree.tokens()[nodes.clone()])[..];
        let rows = (tree, nodes.start + 1..nodes.end + 1);
        let own = Taps::last(self.config());
        match &self.fuse {
            None => self.model.forward_tree(cache, Input::Tokens(tokens), rows, from, &own),
            Some(fuse) => {
                let x = self.fused(fuse, tokens, states);
                self.model.forward_tree(cache, Input::Rows(&x), rows, from, &own)
            }
        }
    }

    /// As [`Self::forward`], one token of each of several sequences, as [`Model::forward_batch`].
    ///
    /// # Panics
    /// As [`Model::forward_batch`].
    pub fn forward_batch(
        &self,
        caches: &mut [&mut Cache],
        tokens: &[u32],
        states: &[f32],
        positions: &[usize],
    ) -> Output {
        let tokens = &self.known(tokens)[..];
        let own = Taps::last(self.config());
        match &self.fuse {
            None => self.model.forward_batch(caches, tokens, positions, &own),
            Some(fuse) => {
                self.model.batch(caches, Input::Rows(&self.fused(fuse, tokens, states)), positions, &own)
            }
        }
    }

    /// `tokens`, with its last id in place of those of the target's that it does not have.
    fn known(&self, tokens: &[u32]) -> Vec<u32> {
        let last = self.config().vocab as u32 - 1;
        tokens.iter().map(|id| (*id).min(last)).collect()
    }

    /// `fuse.weight * concat(rms_norm(embedding), rms_norm(state))` of each row.
    fn fused(&self, weights: &Fuse, tokens: &[u32], states: &[f32]) -> Vec<f32> {
        let (level, eps) = (self.model.level(), self.config().rms_eps);
        let (e, t) = (weights.embedding_norm.len(), weights.hidden_norm.len());
        assert_eq!(states.len(), tokens.len() * t, "a state of {t} values for each token");
        let mut embedding = vec![0.0; e];
        let mut inputs = vec![0.0; tokens.len() * (e + t)];
        for ((token, state), input) in
            tokens.iter().zip(states.chunks_exact(t)).zip(inputs.chunks_exact_mut(e + t))
        {
            self.model.embedding_row(*token, &mut embedding);
            let (embedding, state) =
                ((&embedding[..], &weights.embedding_norm[..]), (state, &weights.hidden_norm[..]));
            fuse(level, embedding, state, eps, input);
        }
        let mut x = vec![0.0; tokens.len() * weights.matrix.rows()];
        let mut quantized = Activations::default();
        prepare(level, &mut quantized, &inputs, &[&weights.matrix]);
        matvecs(self.model.team(), level, [(&weights.matrix, &mut x)], &inputs, &quantized);
        x
    }
}
