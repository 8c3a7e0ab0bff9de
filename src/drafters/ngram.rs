//! The engine's lookup: the context is there, also what rounds in flight add to it.

use super::{Drafter, Limits, Runs, Spec};
use crate::round::Proposal;

/// Its line.
pub(super) static SPEC: Spec =
    Spec { name: "ngram", about: "copies what followed the longest earlier match", make: || Box::new(NGram) };

/// Asks the engine to look the context's end up in the context ([`Lookup`](super::Lookup) is the rule).
#[derive(Debug, Default)]
pub struct NGram;

impl Drafter for NGram {
    fn name(&self) -> &'static str {
        "ngram"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 10, draft: 0 }
    }

    fn runs(&self) -> Runs {
        Runs::Device
    }

    fn reads_context(&self) -> bool {
        false
    }

    fn propose(&mut self, _context: &[u32], limits: Limits) -> Proposal {
        Proposal::lookup(limits.tokens)
    }
}
