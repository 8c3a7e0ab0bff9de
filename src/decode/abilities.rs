//! What can be asked of an engine, for those who list it.

use serde::Serialize;

use crate::drafters::{self, DRAFTERS, Runs};
use crate::round::Engine;
use crate::verify::{KINDS, VERIFIERS};

/// What an engine can be asked for by name, from the tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Abilities {
    /// Drafters whose proposals are chains; without a draft model only those that need none.
    pub drafters: Vec<NamedDrafter>,
    /// Verifiers of sampled text.
    pub verifiers: Vec<Named>,
    /// Ways to accept more than the target's law allows.
    pub lossy: Vec<Named>,
}

/// A name, and a line about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Named {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
}

/// A drafter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedDrafter {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Where it works.
    pub runs: Runs,
    /// Whether a draft model must be loaded.
    pub needs_draft: bool,
}

impl NamedDrafter {
    fn new(spec: &drafters::Spec) -> Self {
        let drafter = (spec.make)();
        let (runs, needs_draft) = (drafter.runs(), drafter.needs_draft_model());
        Self { name: spec.name, about: spec.about, runs, needs_draft }
    }
}

impl Abilities {
    /// Those of `engine`.
    pub fn of(engine: &impl Engine) -> Self {
        let chains = DRAFTERS.iter().filter(|spec| !(spec.make)().branches());
        let drafters = chains.map(|spec| NamedDrafter::new(spec));
        let verifiers = VERIFIERS.iter().filter(|spec| engine.verifies(spec));
        Self {
            drafters: drafters.filter(|drafter| engine.has_draft() || !drafter.needs_draft).collect(),
            verifiers: verifiers.map(|spec| Named { name: spec.name, about: spec.about }).collect(),
            lossy: KINDS.iter().map(|kind| Named { name: kind.name, about: kind.about }).collect(),
        }
    }
}
