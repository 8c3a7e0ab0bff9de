//! [`AnyEngine`], which is whichever was loaded.

use std::rc::Rc;

use crate::round::{self, Counters, Engine, EngineInfo, MemoryUse, Outcome, Proposal, Rules};
use crate::{Error, cpu, gpu, model, source, verify};

/// The engine that was loaded.
#[allow(clippy::large_enum_variant, reason = "there is one of them, and it is not moved about")]
pub enum AnyEngine {
    /// On the CPU.
    Cpu(cpu::Session),
    /// On WebGPU.
    Gpu(gpu::Session),
    // A further engine is a variant here, a line in `delegate!`, and a line in `load`.
}

/// A draft model for whichever engine there is.
#[derive(Clone)]
pub enum AnyDraft {
    /// On the CPU.
    Cpu(Rc<cpu::Draft>),
    /// On WebGPU.
    Gpu(Rc<gpu::Model>),
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
    type Error = Error;
    type Draft = AnyDraft;

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

    fn branches(&self) -> bool {
        delegate!(self, e => e.branches())
    }

    fn verifies(&self, verifier: &verify::Spec) -> bool {
        delegate!(self, e => e.verifies(verifier))
    }

    fn counters(&self) -> Counters {
        delegate!(self, e => e.counters())
    }

    fn memory(&self) -> MemoryUse {
        delegate!(self, e => e.memory())
    }

    fn len(&self) -> usize {
        delegate!(self, e => e.len())
    }

    fn latency_ms(&self) -> f64 {
        delegate!(self, e => e.latency_ms())
    }

    fn max_in_flight(&self) -> usize {
        delegate!(self, e => e.max_in_flight())
    }

    fn in_flight(&self) -> usize {
        delegate!(self, e => e.in_flight())
    }

    async fn truncate(&mut self, len: usize) -> Result<(), Error> {
        delegate!(self, e => e.truncate(len).await.map_err(Error::from))
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        delegate!(self, e => e.append(tokens).await.map_err(Error::from))
    }

    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), Error> {
        delegate!(self, e => e.begin(rules, limit).map_err(Error::from))
    }

    async fn replace_draft(&mut self, draft: AnyDraft) -> Result<(), Error> {
        match (self, draft) {
            (Self::Cpu(engine), AnyDraft::Cpu(draft)) => Ok(engine.replace_draft(draft).await?),
            (Self::Gpu(engine), AnyDraft::Gpu(draft)) => Ok(engine.replace_draft(draft).await?),
            _ => Err(round::Error::DraftMismatch("it was loaded on another device".into()).into()),
        }
    }

    fn ready(&self, proposal: &Proposal) -> bool {
        delegate!(self, e => e.ready(proposal))
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), Error> {
        delegate!(self, e => e.submit(proposal).map_err(Error::from))
    }

    async fn collect(&mut self) -> Result<Outcome, Error> {
        delegate!(self, e => e.collect().await.map_err(Error::from))
    }
}

impl AnyEngine {
    /// Compiles what generations can need, so that none of them waits for it: nothing on the CPU. `progress(done, total)` counts
    /// kernels and returns `false` to abort.
    ///
    /// # Errors
    /// [`crate::source::Error::Aborted`]; what the device does not compile.
    pub async fn compile(&mut self, mut progress: impl FnMut(usize, usize) -> bool) -> Result<(), Error> {
        let Self::Gpu(engine) = self else { return Ok(()) };
        let mut goes_on = true;
        engine
            .compile(|done, total| {
                goes_on = progress(done, total);
                goes_on
            })
            .await?;
        if goes_on { Ok(()) } else { Err(source::Error::Aborted.into()) }
    }

    /// Another, empty sequence on the same weights: it has caches of its own.
    ///
    /// # Errors
    /// [`crate::gpu::Error::TooLarge`] where its KV cache does not fit the device.
    pub fn another(&self) -> Result<Self, Error> {
        Ok(match self {
            Self::Cpu(engine) => Self::Cpu(engine.another()),
            Self::Gpu(engine) => Self::Gpu(engine.another()?),
        })
    }
}
