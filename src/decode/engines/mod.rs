//! Engines, one file each, and [`AnyEngine`], which is whichever was loaded.

mod cpu;
mod gpu;
mod load;

pub use cpu::CpuEngine;
pub use gpu::GpuEngine;
pub use load::{About, DEFAULT_CAPACITY, Device, LoadOptions, Loaded, load};

use super::{Counters, Engine, EngineInfo, Proposal, Round};
use crate::{Error, model};

/// The engine that was loaded.
#[allow(clippy::large_enum_variant, reason = "there is one of them, and it is not moved about")]
pub enum AnyEngine {
    /// On the CPU.
    Cpu(CpuEngine),
    /// On WebGPU.
    Gpu(GpuEngine),
    // A further engine is a variant here, a line in `delegate!`, and a line in `load`.
}

/// Calls the same method of whichever engine there is.
macro_rules! delegate {
    ($any:expr, $engine:ident => $call:expr) => {
        match $any {
            AnyEngine::Cpu($engine) => $call,
            AnyEngine::Gpu($engine) => $call,
        }
    };
}

impl Engine for AnyEngine {
    fn info(&self) -> EngineInfo {
        delegate!(self, e => e.info())
    }

    fn config(&self) -> &model::Config {
        delegate!(self, e => e.config())
    }

    fn capacity(&self) -> usize {
        delegate!(self, e => e.capacity())
    }

    fn max_proposal(&self) -> usize {
        delegate!(self, e => e.max_proposal())
    }

    fn has_draft(&self) -> bool {
        delegate!(self, e => e.has_draft())
    }

    fn counters(&self) -> Counters {
        delegate!(self, e => e.counters())
    }

    fn len(&self) -> usize {
        delegate!(self, e => e.len())
    }

    fn truncate(&mut self, len: usize) {
        delegate!(self, e => e.truncate(len));
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        delegate!(self, e => e.append(tokens).await)
    }

    async fn round(&mut self, proposal: Proposal<'_>) -> Result<Round, Error> {
        delegate!(self, e => e.round(proposal).await)
    }
}
