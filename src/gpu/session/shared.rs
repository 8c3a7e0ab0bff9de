//! What the passes of target and draft share.

use super::MAX_ROWS;
use crate::gpu::ops::padded;
use crate::gpu::{Device, Error};
use crate::model::Taps;

/// Buffers of the session that its passes share.
pub(super) struct Shared {
    /// `tokens[position]` of the whole context and the current proposal.
    pub tokens: wgpu::Buffer,
    /// [`State`](crate::gpu::words::State)
    pub state: wgpu::Buffer,
    /// [`Sampling`](crate::gpu::words::Sampling)
    pub sampling: wgpu::Buffer,
    /// [`Result`](crate::gpu::words::Result)
    pub result: wgpu::Buffer,
    /// Sums of `residual.wgsl`.
    pub residuals: wgpu::Buffer,
    /// Rows of the draft's law; those of the target where no draft model is loaded: bound, never read.
    pub draft_rows: Option<(wgpu::Buffer, usize)>,
    /// The target's state at each position it has read, where the draft reads them. A draft that goes on writes its
    /// own state at the position it has come to, until the target's is known.
    pub hidden: Option<Hidden>,
}

/// States of the target, `[position, tap]` of its width, padded.
pub(super) struct Hidden {
    pub buffer: wgpu::Buffer,
    pub taps: Taps,
}

impl Hidden {
    /// For contexts of `positions` positions at first, and of `capacity` in the end.
    pub(super) fn new(
        device: &Device,
        taps: &Taps,
        positions: usize,
        capacity: usize,
    ) -> Result<Self, Error> {
        let (what, words) = ("the target's states", |positions| states_words(taps, positions));
        device.check_size(what, words(capacity))?;
        Ok(Self { buffer: device.storage(what, words(positions))?, taps: taps.clone() })
    }

    /// The words that `positions` positions take.
    pub(super) fn words(&self, positions: usize) -> u64 {
        states_words(&self.taps, positions)
    }
}

fn states_words(taps: &Taps, positions: usize) -> u64 {
    (padded(taps.layer_width()) * taps.layers().len()) as u64 * (positions + MAX_ROWS) as u64
}

/// As `Runner`.
impl Drop for Hidden {
    fn drop(&mut self) {
        self.buffer.destroy();
    }
}

/// As `Runner`. The draft's rows are its laws' own, and states destroy themselves.
impl Drop for Shared {
    fn drop(&mut self) {
        let Self { tokens, state, sampling, result, residuals, draft_rows: _, hidden: _ } = &*self;
        [tokens, state, sampling, result, residuals].into_iter().for_each(wgpu::Buffer::destroy);
    }
}
