//! The GPU engine: rounds of [`crate::gpu::Session`], proposals and verification on the device.

use std::rc::Rc;

use web_time::Instant;

use crate::decode::{Counters, Engine, EngineInfo, Error, Proposal, Round};
use crate::gpu::{MAX_ROWS, Model, Propose, Session};
use crate::model::Config;

/// A target and maybe a draft model on WebGPU.
pub struct GpuEngine {
    session: Session,
}

impl GpuEngine {
    /// An engine for one sequence.
    ///
    /// # Errors
    /// [`crate::gpu::Error::TooLarge`] where the KV cache does not fit the device.
    pub fn new(target: Rc<Model>, draft: Option<Rc<Model>>) -> Result<Self, crate::Error> {
        Ok(Self { session: Session::new(target, draft)? })
    }

    /// The sequence on the device.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl Engine for GpuEngine {
    fn info(&self) -> EngineInfo {
        let device = self.session.device();
        EngineInfo {
            device: "webgpu",
            adapter: device.adapter(),
            software: device.is_software(),
            variant: self.session.target().variant().to_string(),
        }
    }

    fn config(&self) -> &Config {
        self.session.target().config()
    }

    fn capacity(&self) -> usize {
        self.session.capacity()
    }

    fn max_proposal(&self) -> usize {
        MAX_ROWS - 1
    }

    fn has_draft(&self) -> bool {
        self.session.has_draft()
    }

    fn counters(&self) -> Counters {
        self.session.device().counters()
    }

    fn len(&self) -> usize {
        self.session.len()
    }

    fn truncate(&mut self, len: usize) {
        self.session.truncate(len);
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), crate::Error> {
        let (tokens_after, capacity) = (self.len() + tokens.len(), self.capacity());
        if tokens_after > capacity {
            return Err(Error::PromptTooLong { tokens: tokens_after, capacity }.into());
        }
        Ok(self.session.append(tokens).await?)
    }

    async fn round(&mut self, proposal: Proposal<'_>) -> Result<Round, crate::Error> {
        let (length, capacity) = (self.len(), self.capacity());
        if length == 0 {
            return Err(Error::EmptyPrompt.into());
        }
        if length >= capacity {
            return Err(Error::PromptTooLong { tokens: length, capacity }.into());
        }
        let room = (capacity - length - 1).min(self.max_proposal());
        let propose = match proposal {
            Proposal::None => Propose::Tokens(&[]),
            Proposal::Tokens(tokens) => Propose::Tokens(&tokens[..tokens.len().min(room)]),
            Proposal::Draft { .. } if !self.has_draft() => return Err(Error::NoDraft.into()),
            Proposal::Draft { gamma } => Propose::Draft(gamma.min(room)),
        };
        let drafted = match propose {
            Propose::Tokens(tokens) => tokens.len(),
            Propose::Draft(steps) => steps,
        };
        let began = Instant::now();
        let outcome = self.session.round(propose).await?;
        Ok(Round {
            tokens: outcome.tokens,
            drafted,
            accepted: outcome.accepted,
            draft_ms: 0.0,
            verify_ms: began.elapsed().as_secs_f64() * 1000.0,
        })
    }
}
