//! Weights and the forward pass.

use std::sync::Arc;

use super::Cache;
use super::layer::{Layer, Pass, Place, add_bias, prepare};
use super::matrix::Matrix;
use super::ops::embed::embed;
use super::ops::matvec::matvecs;
use super::ops::norm::rms_norm;
use super::ops::softcap::softcap;
use super::scratch::take;
use super::simd::Level;
use super::tapped::States;
use super::team::Team;
use crate::model::Config;

/// Rows that go through the layers together. More share the weights' way from memory, fewer stay in the caches.
const CHUNK: usize = 32;

/// Which rows' logits a pass computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logits {
    /// None: the pass only fills the cache (prefill).
    None,
    /// None, but every row's final state, where states are asked for.
    States,
    /// The last row's.
    Last,
    /// Every row's.
    All,
}

/// What the rows of a pass begin as.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// The embeddings of these tokens.
    Tokens(&'a [u32]),
    /// These rows of the model's width.
    Rows(&'a [f32]),
}

impl Input<'_> {
    pub(super) fn rows(&self, width: usize) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Rows(x) => x.len() / width,
        }
    }

    fn slice(&self, first: usize, count: usize, width: usize) -> Self {
        match self {
            Self::Tokens(tokens) => Self::Tokens(&tokens[first..first + count]),
            Self::Rows(x) => Self::Rows(&x[first * width..(first + count) * width]),
        }
    }
}

/// A loaded model: weights stay quantized, repacked for SIMD.
pub struct Model {
    pub(super) config: Config,
    pub(super) level: Level,
    pub(super) team: Team,
    /// Shared with the drafts that read it.
    pub(super) embedding: Arc<Matrix>,
    pub(super) head: Head,
    pub(super) output_norm: Vec<f32>,
    pub(super) layers: Vec<Layer>,
    /// Of each rope of the plan, `[cos, sin]` for each position and rotated pair.
    pub(super) ropes: Vec<Vec<[f32; 2]>>,
    pub(super) capacity: usize,
}

/// What makes logits of states.
pub(super) struct Head {
    /// `None` where it is the embedding.
    pub matrix: Option<Matrix>,
    /// One number a row.
    pub bias: Option<Vec<f32>>,
}

impl Model {
    /// Hyper-parameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The instruction set that it runs on.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Makes it run on another instruction set; results stay bitwise the same.
    pub fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// The threads that it runs on: the caller alone, unless others were [given](Self::set_team).
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// Makes it run on other threads; results stay bitwise the same.
    pub fn set_team(&mut self, team: Team) {
        self.team = team;
    }

    /// Memory of the weight matrices.
    pub fn bytes(&self) -> usize {
        let layer = |l: &Layer| {
            let projections = [&l.q, &l.k, &l.v, &l.attention_output, &l.gate, &l.up, &l.down];
            projections.iter().map(|p| p.matrix.bytes()).sum::<usize>()
        };
        let outside = self.embedding.bytes() + self.head.matrix.as_ref().map_or(0, Matrix::bytes);
        outside + self.layers.iter().map(layer).sum::<usize>()
    }

    /// Memory of the weight matrices, and of the tables of rotations.
    pub(super) fn all_bytes(&self) -> usize {
        self.bytes() + self.ropes.iter().map(|table| size_of_val(table.as_slice())).sum::<usize>()
    }

    /// Whether the head adds a number to each logit.
    pub fn has_head_bias(&self) -> bool {
        self.head.bias.is_some()
    }

    /// The head's matrix: a row for each id that it predicts.
    fn head(&self) -> &Matrix {
        self.head.matrix.as_ref().unwrap_or(&self.embedding)
    }

    /// A head of the rows `ids` of this one.
    pub(super) fn select_head(&self, ids: &[u32]) -> Head {
        let bias = self.head.bias.as_ref();
        Head {
            matrix: Some(self.head().select(ids)),
            bias: bias.map(|bias| ids.iter().map(|id| bias[*id as usize]).collect()),
        }
    }

    /// Row `id` of the token embedding as it is in the file, dequantized to `out` (`width` values).
    ///
    /// # Panics
    /// When there is no such row.
    pub fn embedding_row(&self, id: u32, out: &mut [f32]) {
        embed(&self.embedding, id, 1.0, out);
    }

    /// Row `id` of the head (the embedding where it is tied), dequantized to `out` (`width` values).
    ///
    /// # Panics
    /// When there is no such row.
    pub fn head_row(&self, id: u32, out: &mut [f32]) {
        assert!((id as usize) < self.config.head_vocab, "token {id} of {}", self.config.head_vocab);
        self.head().row(id as usize, out);
    }

    /// The weights of the output norm.
    pub fn output_norm(&self) -> &[f32] {
        &self.output_norm
    }

    /// Runs `tokens` at positions `start..start + tokens.len()`: writes their keys and values to `cache` and returns
    /// the logits that `which` asks for, row after row of `head_vocab` values.
    ///
    /// Batch-invariant: a row's logits are bitwise the same whatever other rows are in the pass.
    ///
    /// # Panics
    /// When the positions do not fit the cache, a token id the vocabulary or the cache the model, or there is no memory for
    /// the positions: callers check first, and [reserve](Cache::reserve) them.
    pub fn forward(&self, cache: &mut Cache, tokens: &[u32], start: usize, which: Logits) -> Vec<f32> {
        self.forward_chunks(cache, Input::Tokens(tokens), start, which, None)
    }

    /// As [`Self::forward`], and appends to `states` those of the rows whose logits (or states) are asked for.
    pub(super) fn forward_chunks(
        &self,
        cache: &mut Cache,
        input: Input<'_>,
        start: usize,
        which: Logits,
        mut states: Option<&mut States<'_>>,
    ) -> Vec<f32> {
        let rows = input.rows(self.config.width);
        let wanted = match which {
            Logits::None => rows,
            Logits::Last => rows.saturating_sub(1),
            Logits::States | Logits::All => 0,
        };
        let vocab = if which == Logits::States { 0 } else { self.config.head_vocab };
        let mut logits = vec![0.0; (rows - wanted) * vocab];
        let mut rest = logits.as_mut_slice();
        let mut places = [Place::at(0, 0); CHUNK];
        for first in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - first);
            let places = &mut places[..count];
            for (row, place) in places.iter_mut().enumerate() {
                *place = Place::at(0, start + first + row);
            }
            let live = wanted.saturating_sub(first).min(count);
            let (now, later) = rest.split_at_mut((count - live) * vocab);
            let input = input.slice(first, count, self.config.width);
            self.pass(&mut [&mut *cache], input, places, live, now, states.as_deref_mut());
            rest = later;
        }
        logits
    }

    /// One pass over rows that stand at `places` of `caches`: logits of the rows from `live` on (where there is room for
    /// any), and their states appended to `states`.
    pub(super) fn pass(
        &self,
        caches: &mut [&mut Cache],
        input: Input<'_>,
        places: &[Place<'_>],
        live: usize,
        logits: &mut [f32],
        mut states: Option<&mut States<'_>>,
    ) {
        let (config, level, rows) = (&self.config, self.level, places.len());
        for Place { cache, sight } in places {
            let (cache, position, slot) = (&mut caches[*cache], sight.position, sight.slot());
            let fits = position < cache.capacity() && position < self.capacity;
            assert!(fits && slot < cache.slots(), "position {position} is beyond the capacity");
            assert!(cache.fits(config), "a cache of another model");
            let there = cache.reserve(slot + 1);
            assert!(there.is_ok(), "no memory for position {position}");
        }
        // Passes own the scratch memory, so that the caches can be borrowed beside it.
        let Some(owner) = caches.first_mut() else { return };
        let mut owned = std::mem::take(&mut owner.scratch);
        let scratch = &mut owned;

        let width = config.width;
        let hidden = take(&mut scratch.hidden, rows * width);
        match input {
            Input::Rows(x) => hidden.copy_from_slice(x),
            Input::Tokens(tokens) => {
                for (token, row) in tokens.iter().zip(hidden.chunks_exact_mut(width)) {
                    embed(&self.embedding, *token, config.plan.embedding_scale, row);
                }
            }
        }
        let pass = Pass { config, level, team: &self.team, ropes: &self.ropes, places };
        let begin = states.as_mut().map_or(0, |states| states.extend(rows - live));
        for (index, layer) in self.layers.iter().enumerate() {
            let needed = if index + 1 == self.layers.len() { live } else { 0 };
            layer.forward(&pass, index, needed, caches, scratch);
            if let Some(states) = &mut states {
                states.keep(begin, index, &scratch.hidden[live * width..rows * width]);
            }
        }
        if !logits.is_empty() {
            let hidden = &scratch.hidden[live * width..rows * width];
            let normed = take(&mut scratch.normed, hidden.len());
            rms_norm(level, hidden, &self.output_norm, config.rms_eps, normed);
            let head = self.head();
            prepare(level, &mut scratch.quantized, normed, &[head]);
            matvecs(&self.team, level, [(head, &mut *logits)], normed, &scratch.quantized);
            add_bias(logits, self.head.bias.as_deref());
            softcap(config.plan.logit_softcap, logits);
        }
        if let Some(owner) = caches.first_mut() {
            owner.scratch = owned;
        }
    }
}
