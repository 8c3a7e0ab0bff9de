//! Drafters: who proposes the tokens that the target then verifies. One file a drafter, one line in [`DRAFTERS`].
//!
//! A drafter may be wrong as often as it likes: verification makes the text the target's own (`docs/algorithms.md`). It
//! only costs time, so each says how many tokens it is worth asking for. (Draft *models* are `model::Draft` and what the
//! backends make of it; [`Model`] is the drafter that asks the engine for the loaded one.)

mod chain;
mod lookup;
mod model;
mod ngram;
mod none;
mod tree;

pub use chain::Chain;
pub use lookup::{Lookup, MAX_MATCH, MIN_MATCH};
pub use model::Model;
pub use ngram::NGram;
pub use none::NoDrafter;
pub use tree::Branches;

use crate::round::{Outcome, Proposal};

/// Most tokens that a proposal is worth, by who makes it: they are right more or less often, and cost more or less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens found in the context.
    pub tokens: usize,
    /// Tokens of the draft model.
    pub draft: usize,
}

/// Where proposals are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// By the drafter itself.
    Host,
    /// On the engine's device, as the drafter asks.
    Device,
}

/// Proposes how the context may go on.
pub trait Drafter {
    /// Its name in [`DRAFTERS`].
    fn name(&self) -> &'static str;

    /// Tokens to propose a round where the caller does not say (gamma).
    fn default_limits(&self) -> Limits;

    /// Where it works.
    fn runs(&self) -> Runs {
        Runs::Host
    }

    /// Whether the engine must have a draft model loaded.
    fn needs_draft_model(&self) -> bool {
        false
    }

    /// Whether its proposals may branch.
    fn branches(&self) -> bool {
        false
    }

    /// Whether proposals depend on the context. Those that do not can be submitted before the rounds in front of
    /// them are known.
    fn reads_context(&self) -> bool {
        true
    }

    /// Tokens within `limits` that may follow `context`, the prompt and everything committed since.
    ///
    /// Successive contexts usually continue one another, but need not: a drafter that keeps state finds out itself
    /// what changed.
    fn propose(&mut self, context: &[u32], limits: Limits) -> Proposal;

    /// What became of the proposal.
    fn observe(&mut self, _outcome: &Outcome) {}
}

/// A drafter that can be chosen by name.
pub struct Spec {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Makes one for a new generation.
    pub make: fn() -> Box<dyn Drafter>,
}

/// Every drafter.
pub static DRAFTERS: &[&Spec] = &[&none::SPEC, &ngram::SPEC, &model::SPEC, &tree::SPEC];

/// No drafter of that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no drafter {name:?}; use one of {known}", known = names())]
pub struct Unknown {
    /// The name asked for.
    pub name: String,
}

impl Unknown {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        "drafter-unknown"
    }
}

fn names() -> String {
    DRAFTERS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
}

/// The drafter called `name`, or a [`Chain`] of several: `ngram+model`.
///
/// # Errors
/// [`Unknown`] where [`DRAFTERS`] has no such line.
pub fn by_name(name: &str) -> Result<Box<dyn Drafter>, Unknown> {
    if name.contains('+') {
        return Ok(Box::new(Chain::new(name.split('+').map(by_name).collect::<Result<_, _>>()?)));
    }
    let spec = DRAFTERS.iter().find(|spec| spec.name == name).ok_or_else(|| Unknown { name: name.into() })?;
    Ok((spec.make)())
}
