//! The draft model that the engine holds: drafting happens there, next to its weights and its KV cache.

use super::{Drafter, Limits, Proposal};

/// Asks the engine's draft model for as many tokens as the limits allow.
#[derive(Debug, Default)]
pub struct Model;

impl Drafter for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    /// Between the optima of ALGORITHMS 1.4 for a draft that costs a tenth of the target and is right 60-80 % of the time.
    fn default_limits(&self) -> Limits {
        Limits { tokens: 0, draft: 4 }
    }

    fn needs_draft_model(&self) -> bool {
        true
    }

    fn reads_context(&self) -> bool {
        false
    }

    fn propose(&mut self, _context: &[u32], limits: Limits) -> Proposal {
        if limits.draft == 0 { Proposal::None } else { Proposal::Draft { gamma: limits.draft } }
    }
}
