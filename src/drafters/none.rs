//! Plain decoding: what every other drafter is measured against, in time and bit by bit.

use super::{Drafter, Limits, Spec};
use crate::round::Proposal;

/// Its line.
pub(super) static SPEC: Spec =
    Spec { name: "none", about: "plain decoding, a token a pass", make: || Box::new(NoDrafter) };

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
        Proposal::none()
    }
}
