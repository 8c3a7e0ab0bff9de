//! How a layer's keys and values lie in GPU memory: chunk after chunk of [`CHUNK`] positions, so that a longer cache begins with the
//! words of a shorter one. In a chunk first the keys, `[kv_head, quad, position]`, then the values, `[kv_head, position, quad]`:
//! invocations with a position each (scores) and with a quad each (sums) both read neighbouring words. `kernels/cache.wgsl` is the
//! same in WGSL.
//!
//! A quad is four elements of a head, in four words or as halves in two. Elements of keys stand pair by pair as rope turns them
//! (those of q likewise), so that who turns a pair writes neighbouring elements.

use minijinja::{Value, context};

use crate::model::{Attention, CacheType};

/// Positions of a chunk: what one workgroup of attention reads at a time, and what its sums are merged by. Part of the order of
/// reductions: another number is other bits.
pub(super) const CHUNK: usize = 64;

/// The layout of a layer's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CacheLayout {
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Whether elements are halves, two a word.
    pub half: bool,
}

impl CacheLayout {
    pub(super) fn new(attention: &Attention, kind: CacheType) -> Self {
        let &Attention { kv_heads, head_dim, .. } = attention;
        Self { kv_heads, head_dim, half: kind == CacheType::F16 }
    }

    /// Words of a quad.
    pub(super) fn quad_words(self) -> usize {
        if self.half { 2 } else { 4 }
    }

    /// Words of a chunk.
    pub(super) fn chunk_words(self) -> usize {
        2 * self.kv_heads * self.head_dim / 4 * self.quad_words() * CHUNK
    }

    /// Words of a cache of `positions` positions, in whole chunks.
    pub(super) fn words(self, positions: usize) -> usize {
        chunks(positions) * self.chunk_words()
    }

    /// What `cache.wgsl` needs.
    pub(super) fn context(self) -> Value {
        context! { chunk => CHUNK, head_dim => self.head_dim, half => self.half }
    }
}

/// Chunks of `positions` positions.
pub(super) fn chunks(positions: usize) -> usize {
    positions.div_ceil(CHUNK)
}
