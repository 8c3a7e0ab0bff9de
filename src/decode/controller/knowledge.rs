//! What is known of rounds, as plain data for the next load.

use serde::{Deserialize, Serialize};

use super::acceptance::{ByDepth, ByMatch};
use super::cost::Costs;

/// What generations found out about rounds of one target and draft on one device: what they cost, and how much of a proposal
/// is usually accepted. Of no text, and of no use to anybody else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    costs: Costs,
    draft: ByDepth,
    lookup: ByMatch,
}

impl Knowledge {
    pub(super) fn new(costs: Costs, draft: ByDepth, lookup: ByMatch) -> Self {
        Self { costs, draft, lookup }
    }

    /// Its parts, unless they are of no measurement: it may come from a file.
    pub(super) fn parts(&self) -> Option<(Costs, ByDepth, ByMatch)> {
        let sound = self.costs.is_sound() && self.draft.is_sound() && self.lookup.is_sound();
        sound.then_some((self.costs, self.draft, self.lookup))
    }
}
