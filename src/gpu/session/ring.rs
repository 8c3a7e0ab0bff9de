//! Results on their way back: rounds are submitted before the ones in front of them have answered.

use std::collections::VecDeque;

use crate::gpu::device::Pending;
use crate::gpu::{Device, Error};

/// Most rounds in flight.
pub const MAX_IN_FLIGHT: usize = 8;

/// What the host knows of a round that has not answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    /// Most tokens that it commits.
    pub most: usize,
    /// Whether the lookup was asked.
    pub lookup: bool,
    /// Most tokens that the draft model has not read after it, the last one included; `None` where it is not run.
    pub behind: Option<usize>,
}

/// Buffers that results are copied to, used in turn.
pub(super) struct Ring {
    slots: Vec<wgpu::Buffer>,
    words: usize,
    next: usize,
    in_flight: VecDeque<(Pending, Flight)>,
}

impl Ring {
    /// Slots for results of `words` words.
    pub(super) fn new(device: &Device, words: usize) -> Self {
        let slots = (0..MAX_IN_FLIGHT).map(|_| device.readback(words as u64)).collect();
        Self { slots, words, next: 0, in_flight: VecDeque::new() }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The rounds in flight, the oldest first.
    pub(super) fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.in_flight.iter().map(|(_, flight)| flight)
    }

    /// Has `fill` copy a round's result to the next slot, submits, and has the slot mapped when the work is done.
    ///
    /// # Panics
    /// When all slots are in flight.
    pub(super) fn submit(
        &mut self,
        device: &Device,
        mut encoder: wgpu::CommandEncoder,
        flight: Flight,
        fill: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Buffer),
    ) {
        assert!(self.in_flight.len() < self.slots.len(), "every slot of the ring is in flight");
        let slot = &self.slots[self.next];
        self.next = (self.next + 1) % self.slots.len();
        fill(&mut encoder, slot);
        let index = device.submit(encoder);
        self.in_flight.push_back((device.map(slot, self.words, index), flight));
    }

    /// The oldest result. A call that is dropped while it waits takes nothing away.
    pub(super) async fn collect(&mut self, device: &Device) -> Result<Option<(Vec<u32>, Flight)>, Error> {
        let Some((pending, flight)) = self.in_flight.front_mut() else { return Ok(None) };
        let (words, flight) = (pending.words(device).await, *flight);
        self.in_flight.pop_front();
        words.map(|words| Some((words, flight)))
    }
}
