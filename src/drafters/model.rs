//! The draft model that the engine holds: drafting happens there, next to its weights and its KV cache.

use super::{Drafter, Limits, Runs, Spec};
use crate::round::Proposal;

/// Its line.
pub(super) static SPEC: Spec =
    Spec { name: "model", about: "the loaded draft model", make: || Box::new(Model) };

/// Asks the engine's draft model for as many tokens as the limits allow.
#[derive(Debug, Default)]
pub struct Model;

impl Drafter for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    /// Between the optima of `docs/algorithms.md` for a draft that costs a tenth of the target and is right 60-80 % of the time.
    fn default_limits(&self) -> Limits {
        Limits { tokens: 0, draft: 4 }
    }

    fn runs(&self) -> Runs {
        Runs::Device
    }

    fn needs_draft_model(&self) -> bool {
        true
    }

    fn reads_context(&self) -> bool {
        false
    }

    fn propose(&mut self, _context: &[u32], limits: Limits) -> Proposal {
        Proposal::model(limits.draft)
    }
}
