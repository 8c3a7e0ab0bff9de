//! Plain decoding: what every other drafter is measured against, in time and bit by bit.

use super::{Drafter, Limits, Proposal};

/// Proposes nothing.
#[derive(Debug, Default)]
pub struct NoDrafter;

impl Drafter for NoDrafter {
    fn name(&self) -> &'static str {
        "none"
    }

    fn default_limits(&self) -> Limits {
        Limits::default()
    }

    fn reads_context(&self) -> bool {
        false
    }

    fn propose(&mut self, _context: &[u32], _limits: Limits) -> Proposal {
        Proposal::None
    }
}
