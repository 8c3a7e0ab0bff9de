//! The GPU engine: rounds of [`crate::gpu::Session`], proposals and verification on the device.

use std::rc::Rc;

use crate::decode::{Counters, Engine, EngineInfo, Error, Proposal, Round, Rules};
use crate::gpu::{MAX_IN_FLIGHT, MAX_ROWS, Model, Propose, Sampler, Session};
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

    /// Another sequence on the same weights.
    ///
    /// # Errors
    /// As [`GpuEngine::new`].
    pub fn another(&self) -> Result<Self, crate::Error> {
        Self::new(Rc::clone(self.session.target()), self.session.draft().cloned())
    }

    /// The sequence on the device.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The same, for those who drive it themselves.
    pub fn into_session(self) -> Session {
        self.session
    }
}

impl Engine for GpuEngine {
    fn info(&self) -> EngineInfo {
        let device = self.session.device();
        EngineInfo {
            device: "webgpu",
            adapter: device.adapter(),
            software: device.is_software(),
            variant: self.session.target().choice().to_string(),
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

    fn latency_ms(&self) -> f64 {
        self.session.device().latency_ms()
    }

    fn max_in_flight(&self) -> usize {
        MAX_IN_FLIGHT
    }

    fn in_flight(&self) -> usize {
        self.session.in_flight()
    }

    async fn truncate(&mut self, len: usize) -> Result<(), crate::Error> {
        self.session.truncate(len).await;
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), crate::Error> {
        let (tokens_after, capacity) = (self.len() + tokens.len(), self.capacity());
        if tokens_after > capacity {
            return Err(Error::PromptTooLong { tokens: tokens_after, capacity }.into());
        }
        Ok(self.session.append(tokens).await?)
    }

    fn begin(&mut self, rules: &Rules) -> Result<(), crate::Error> {
        let sampler = Sampler {
            sampling: rules.sampling.clone(),
            block: rules.verifier.name == "block",
            lenience: rules.lenience,
            logprobs: rules.logprobs,
            confidence: rules.confidence,
            stop_ids: rules.stop_ids.clone(),
        };
        Ok(self.session.begin(&sampler, rules.limit)?)
    }

    fn ready(&self, proposal: &Proposal) -> bool {
        self.session.ready(propose(proposal))
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), crate::Error> {
        let (length, capacity) = (self.len(), self.capacity());
        if length == 0 {
            return Err(Error::EmptyPrompt.into());
        }
        if length >= capacity {
            return Err(Error::PromptTooLong { tokens: length, capacity }.into());
        }
        if matches!(proposal, Proposal::Draft { .. }) && !self.has_draft() {
            return Err(Error::NoDraft.into());
        }
        let room = (capacity - length - 1).min(self.max_proposal());
        let propose = match propose(&proposal) {
            Propose::Tokens(tokens) => Propose::Tokens(&tokens[..tokens.len().min(room)]),
            Propose::Draft(steps) => Propose::Draft(steps.min(room)),
        };
        Ok(self.session.submit(propose)?)
    }

    async fn collect(&mut self) -> Result<Round, crate::Error> {
        let outcome = self.session.collect().await?;
        if outcome.faulty {
            return Err(Error::Numerics { tokens: self.len() }.into());
        }
        Ok(Round {
            tokens: outcome.tokens,
            drafted: outcome.drafted,
            accepted: outcome.accepted,
            overlaps: outcome.overlaps,
            excess: outcome.excess,
            logprobs: outcome.logprobs,
            draft_ms: outcome.draft_ms,
            verify_ms: outcome.verify_ms,
        })
    }
}

fn propose(proposal: &Proposal) -> Propose<'_> {
    match proposal {
        Proposal::None => Propose::Tokens(&[]),
        Proposal::Tokens(tokens) => Propose::Tokens(tokens),
        Proposal::Draft { gamma } => Propose::Draft(*gamma),
    }
}
