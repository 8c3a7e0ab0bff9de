//! Where the heads of q, k and v go.

use minijinja::{Value, context};

use crate::gpu::Device;
use crate::gpu::cache::CacheLayout;
use crate::model::{self, RopeStyle};

/// What turns the heads of q and k, and the cache that k and v are left in: of [`Rope`](super::Rope), and of a matvec that makes
/// the heads.
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Heads<'a> {
    pub attention: &'a model::Attention,
    pub rope: &'a model::Rope,
    /// `[position, pair]` of cosine and sine.
    pub rotation: &'a wgpu::Buffer,
    pub cache: &'a wgpu::Buffer,
    pub layout: CacheLayout,
}

impl Heads<'_> {
    /// What `heads.wgsl` needs.
    pub(super) fn context(&self) -> Value {
        context! { interleaved => self.rope.style == RopeStyle::Interleaved, ..self.layout.context() }
    }

    pub(super) fn buffers(&self, device: &Device) -> [(u32, wgpu::Buffer); 3] {
        let a = self.attention;
        let heads = [a.heads, a.kv_heads, self.rope.dim / 2, a.q_width()].map(|n| n as u32);
        [(9, self.cache.clone()), (10, self.rotation.clone()), (11, device.uniform(&heads))]
    }
}
