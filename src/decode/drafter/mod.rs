//! Drafters: who proposes the tokens that the target then verifies. One file a drafter, one line in [`DRAFTERS`].
//!
//! A drafter may be wrong as often as it likes: verification makes the text the target's own (ALGORITHMS 1.3). It
//! only costs time, so each says how many tokens it is worth asking for.

mod chain;
mod model;
mod ngram;
mod none;

pub use chain::Chain;
pub use model::Model;
pub use ngram::NGram;
pub use none::NoDrafter;

use super::{Error, Proposal, Round};

/// Most tokens that a proposal is worth, by who makes it: they are right more or less often, and cost more or less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens found on the host.
    pub tokens: usize,
    /// Tokens of the draft model.
    pub draft: usize,
}

/// Proposes how the context may go on.
pub trait Drafter {
    /// Its name in [`DRAFTERS`].
    fn name(&self) -> &'static str;

    /// Tokens to propose a round where the caller does not say (gamma).
    fn default_limits(&self) -> Limits;

    /// Whether the engine must have a draft model loaded.
    fn needs_draft_model(&self) -> bool {
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
    fn observe(&mut self, _round: &Round) {}
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
pub static DRAFTERS: [Spec; 3] = [
    Spec { name: "none", about: "plain decoding, a token a pass", make: || Box::new(NoDrafter) },
    Spec {
        name: "ngram",
        about: "copies what followed the longest earlier match",
        make: || Box::new(NGram::default()),
    },
    Spec { name: "model", about: "the loaded draft model", make: || Box::new(Model) },
];

/// The drafter called `name`, or a [`Chain`] of several: `ngram+model`.
///
/// # Errors
/// [`Error::UnknownDrafter`] where [`DRAFTERS`] has no such line.
pub fn by_name(name: &str) -> Result<Box<dyn Drafter>, Error> {
    if name.contains('+') {
        return Ok(Box::new(Chain::new(name.split('+').map(by_name).collect::<Result<_, _>>()?)));
    }
    let spec = DRAFTERS.iter().find(|spec| spec.name == name).ok_or_else(|| Error::UnknownDrafter {
        name: name.into(),
        known: DRAFTERS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", "),
    })?;
    Ok((spec.make)())
}
