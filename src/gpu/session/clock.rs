//! How long drafting and verifying take on the device, where it has timestamps.

use crate::gpu::Device;

/// Words that [`Clock::resolve`] brings to a result: two times of two words for the draft, then for the target.
pub(super) const CLOCK_WORDS: usize = 8;
/// Where queries may be resolved to.
const ALIGNMENT: u64 = wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;

/// Timestamps at the beginning and the end of the draft's and of the target's passes of a round.
pub(super) struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Nanoseconds of a tick.
    period: f64,
}

impl Clock {
    /// `None` where the device has no timestamps.
    pub(super) fn new(device: &Device) -> Option<Self> {
        if !device.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        device.count(|c| c.objects += 2);
        Some(Self {
            queries: device.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("clock"),
                ty: wgpu::QueryType::Timestamp,
                count: 4,
            }),
            resolved: device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("clock"),
                size: 2 * ALIGNMENT,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            period: f64::from(device.queue.get_timestamp_period()),
        })
    }

    /// The queries of the draft's or the target's pass.
    pub(super) fn writes(&self, draft: bool) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = if draft { 0 } else { 2 };
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Copies the times of a round to word `at` of `slot`.
    pub(super) fn resolve(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        drafted: bool,
        slot: &wgpu::Buffer,
        at: usize,
    ) {
        for (first, wanted) in [(0, drafted), (2, true)] {
            if wanted {
                let offset = u64::from(first) / 2 * ALIGNMENT;
                encoder.resolve_query_set(&self.queries, first..first + 2, &self.resolved, offset);
                let to = (at * 4) as u64 + u64::from(first) * 8;
                encoder.copy_buffer_to_buffer(&self.resolved, offset, slot, to, 16);
            }
        }
    }

    /// Milliseconds of the draft and of the target from the words that [`Clock::resolve`] copied.
    pub(super) fn ms(&self, words: &[u32]) -> [f64; 2] {
        let time = |i: usize| u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32;
        let ms = |first: usize| time(first + 1).saturating_sub(time(first)) as f64 * self.period / 1e6;
        [ms(0), ms(2)]
    }
}
