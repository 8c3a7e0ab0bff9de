//! What can be asked of an engine, for those who list it.

use serde::Serialize;

use crate::drafters::{self, DRAFTERS, Runs};
use crate::round::Engine;
use crate::verify::{KINDS, VERIFIERS};

/// What an engine can be asked for by name, from the tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Abilities {
    /// Drafters; without a draft model only those that need none.
    pub drafters: Vec<DrafterAbout>,
    /// Verifiers of sampled text.
    pub verifiers: Vec<About>,
    /// Ways to accept more than the target's law allows.
    pub lossy: Vec<About>,
}

/// A name, and a line about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct About {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
}

/// A drafter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrafterAbout {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Where it works.
    pub runs: Runs,
    /// Whether a draft model must be loaded.
    pub needs_draft: bool,
}

impl DrafterAbout {
    fn new(spec: &drafters::Spec) -> Self {
        let drafter = (spec.make)();
        let (runs, needs_draft) = (drafter.runs(), drafter.needs_draft_model());
        Self { name: spec.name, about: spec.about, runs, needs_draft }
    }
}

impl Abilities {
    /// Those of `engine`.
    pub fn of(engine: &impl Engine) -> Self {
        let drafters = DRAFTERS.iter().map(|spec| DrafterAbout::new(spec));
        let verifiers = VERIFIERS.iter().filter(|spec| engine.verifies(spec));
        Self {
            drafters: drafters.filter(|drafter| engine.has_draft() || !drafter.needs_draft).collect(),
            verifiers: verifiers.map(|spec| About { name: spec.name, about: spec.about }).collect(),
            lossy: KINDS.iter().map(|kind| About { name: kind.name, about: kind.about }).collect(),
        }
    }
}
