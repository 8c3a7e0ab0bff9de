//! What a session takes of the GPU's memory: the sizes of the buffers that it and its models hold.

use super::Session;
use super::runner::Runner;
use crate::round::{MemoryUse, ModelMemory};

impl Session {
    pub(super) fn memory_use(&self) -> MemoryUse {
        let mut target = of(&self.target);
        target.states = self.shared.hidden.as_ref().map_or(0, |hidden| hidden.buffer.size());
        let shared = &self.shared;
        target.scratch +=
            sizes([&shared.tokens, &shared.state, &shared.sampling, &shared.result, &shared.residuals]);
        MemoryUse { target, draft: self.draft.as_ref().map(of) }
    }
}

fn of(runner: &Runner) -> ModelMemory {
    ModelMemory {
        weights: runner.model.all_bytes(),
        caches: sizes(&runner.caches),
        states: 0,
        scratch: sizes(runner.scratch()) + runner.laws.as_ref().map_or(0, |laws| sizes(laws.buffers())),
    }
}

fn sizes<'a>(buffers: impl IntoIterator<Item = &'a wgpu::Buffer>) -> u64 {
    buffers.into_iter().map(wgpu::Buffer::size).sum()
}
