//! The draft model that the engine holds: drafting happens there, next to its weights and its KV cache.

use super::{Drafter, Proposal};

/// Asks the engine's draft model for `max` greedy tokens.
#[derive(Debug, Default)]
pub struct Model;

impl Drafter for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    /// Between the optima of ALGORITHMS 1.4 for a draft that costs a tenth of the target and is right 60-80 % of the time.
    fn default_gamma(&self) -> usize {
        4
    }

    fn needs_draft_model(&self) -> bool {
        true
    }

    fn propose(&mut self, _context: &[u32], max: usize) -> Proposal<'_> {
        if max == 0 { Proposal::None } else { Proposal::Draft { gamma: max } }
    }
}
