//! Weights and the forward pass.

use super::Cache;
use crate::gguf;
use crate::model::{self, Config};
use crate::source::ByteSource;

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
    config: Config,
}

impl Model {
    /// Loads the tensors of `stream`, whose header `description` describes. Rope tables cover `capacity` positions.
    pub async fn load<S: ByteSource>(
        _stream: &mut gguf::Stream<S>,
        description: &model::Model,
        _capacity: usize,
    ) -> Result<Self, gguf::Error> {
        Ok(Self { config: description.config.clone() })
    }

    /// Hyper-parameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Runs `tokens` at positions `start..start + tokens.len()`: writes their keys and values to `cache` and returns
    /// the logits that `which` asks for, row after row of `head_vocab` values.
    ///
    /// Batch-invariant: a row's logits are bitwise the same whatever other rows are in the pass.
    ///
    /// # Panics
    /// When the positions do not fit the cache or a token id the vocabulary: callers check first.
    pub fn forward(&self, _cache: &mut Cache, _tokens: &[u32], _start: usize, _which: Logits) -> Vec<f32> {
        todo!()
    }
}
