//! Weights and the forward pass.

use super::Cache;
use super::layer::{Layer, Pass, prepare};
use super::matrix::Matrix;
use super::matvec::matvec;
use super::norm::rms_norm;
use super::scratch::{Scratch, take};
use super::simd::Level;
use crate::model::Config;

/// Rows that go through the layers together. More share the weights' way from memory, fewer stay in the caches.
const CHUNK: usize = 32;

/// Which rows' logits a pass computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logits {
    /// None: the pass only fills the cache (prefill).
    None,
    /// The last row's.
    Last,
    /// Every row's.
    All,
}

/// A loaded model: weights stay quantized, repacked for SIMD.
pub struct Model {
    pub(super) config: Config,
    pub(super) level: Level,
    pub(super) embedding: Matrix,
    /// `None` where the embedding is the head.
    pub(super) head: Option<Matrix>,
    pub(super) output_norm: Vec<f32>,
    pub(super) layers: Vec<Layer>,
    /// `[cos, sin]` for each position and rotated pair.
    pub(super) rope: Vec<[f32; 2]>,
    pub(super) capacity: usize,
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

    /// Memory of the weight matrices.
    pub fn bytes(&self) -> usize {
        let layer = |l: &Layer| {
            let matrices =
                [&l.q.matrix, &l.k.matrix, &l.v.matrix, &l.attention_output, &l.gate, &l.up, &l.down];
            matrices.iter().map(|m| m.bytes()).sum::<usize>()
        };
        let outside = self.embedding.bytes() + self.head.as_ref().map_or(0, Matrix::bytes);
        outside + self.layers.iter().map(layer).sum::<usize>()
    }

    /// Runs `tokens` at positions `start..start + tokens.len()`: writes their keys and values to `cache` and returns
    /// the logits that `which` asks for, row after row of `head_vocab` values.
    ///
    /// Batch-invariant: a row's logits are bitwise the same whatever other rows are in the pass.
    ///
    /// # Panics
    /// When the positions do not fit the cache, a token id the vocabulary or the cache the model: callers check first.
    pub fn forward(&self, cache: &mut Cache, tokens: &[u32], start: usize, which: Logits) -> Vec<f32> {
        let end = start + tokens.len();
        assert!(end <= cache.capacity() && end <= self.capacity, "position {end} is beyond the capacity");
        assert!(cache.fits(&self.config), "a cache of another model");
        let wanted = match which {
            Logits::None => tokens.len(),
            Logits::Last => tokens.len().saturating_sub(1),
            Logits::All => 0,
        };
        let vocab = self.config.head_vocab;
        let mut logits = vec![0.0; (tokens.len() - wanted) * vocab];
        // Passes own the scratch memory, so that the cache can be borrowed beside it.
        let mut scratch = std::mem::take(&mut cache.scratch);
        let mut rest = logits.as_mut_slice();
        for (chunk, tokens) in tokens.chunks(CHUNK).enumerate() {
            let first = chunk * CHUNK;
            let live = wanted.saturating_sub(first).min(tokens.len());
            let (now, later) = rest.split_at_mut((tokens.len() - live) * vocab);
            self.chunk(cache, &mut scratch, tokens, start + first, live, now);
            rest = later;
        }
        cache.scratch = scratch;
        logits
    }

    /// One chunk of rows; logits of the rows from `live` on.
    fn chunk(
        &self,
        cache: &mut Cache,
        scratch: &mut Scratch,
        tokens: &[u32],
        start: usize,
        live: usize,
        logits: &mut [f32],
    ) {
        let (config, level, rows) = (&self.config, self.level, tokens.len());
        let width = config.width;
        let hidden = take(&mut scratch.hidden, rows * width);
        for (token, row) in tokens.iter().zip(hidden.chunks_exact_mut(width)) {
            assert!((*token as usize) < config.vocab, "token {token} of {}", config.vocab);
            self.embedding.row(*token as usize, row);
        }
        let pass = Pass { config, level, rope: &self.rope, start, rows };
        for (index, layer) in self.layers.iter().enumerate() {
            let live = if index + 1 == self.layers.len() { live } else { 0 };
            layer.forward(&pass, index, live, cache, scratch);
        }
        if live < rows {
            let hidden = &scratch.hidden[live * width..rows * width];
            let normed = take(&mut scratch.normed, hidden.len());
            rms_norm(level, hidden, &self.output_norm, config.rms_eps, normed);
            let head = self.head.as_ref().unwrap_or(&self.embedding);
            prepare(level, &mut scratch.quantized, normed, &[head]);
            matvec(level, head, normed, &scratch.quantized, logits);
        }
    }
}
