//! The draft model again, with several tokens for a position (arXiv 2401.06706): where its first choice is refused, the next is
//! put to the test in the same pass.

use super::{Drafter, Limits, Runs, Spec};
use crate::round::{Proposal, Shape};

/// Its line.
pub(super) static SPEC: Spec = Spec {
    name: "tree",
    about: "the loaded draft model, several tokens for a position",
    make: || Box::<Branches>::default(),
};

/// Asks the engine's draft model for a tree, as deep as the limits allow.
#[derive(Debug, Clone, Default)]
pub struct Branches(pub Shape);

impl Drafter for Branches {
    fn name(&self) -> &'static str {
        "tree"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 0, draft: self.0.widths().len() }
    }

    fn runs(&self) -> Runs {
        Runs::Device
    }

    fn needs_draft_model(&self) -> bool {
        true
    }

    fn branches(&self) -> bool {
        !self.0.is_chain()
    }

    fn reads_context(&self) -> bool {
        false
    }

    fn propose(&mut self, _context: &[u32], limits: Limits) -> Proposal {
        let mut shape = self.0.clone();
        shape.truncate(limits.draft);
        Proposal::Branches(shape)
    }
}
