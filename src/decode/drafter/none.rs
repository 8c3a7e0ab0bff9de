//! Plain decoding: what every other drafter is measured against, in time and bit by bit.

use super::{Drafter, Proposal};

/// Proposes nothing.
#[derive(Debug, Default)]
pub struct NoDrafter;

impl Drafter for NoDrafter {
    fn name(&self) -> &'static str {
        "none"
    }

    fn default_gamma(&self) -> usize {
        0
    }

    fn propose(&mut self, _context: &[u32], _max: usize) -> Proposal<'_> {
        Proposal::None
    }
}
