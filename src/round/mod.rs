//! What a round is, once, for every backend: a proposal, rules by which it is verified, and what came of it.
//!
//! An [`Engine`] holds one sequence and advances it a round at a time. What may be asked of it is checked here
//! ([`admit`], [`check_rules`] and others), so that every backend refuses the same with the same words.

mod checks;
mod clock;
mod counters;
mod engine;
mod error;
mod limits;
mod memory;
mod outcome;
mod proposal;
mod rules;
mod shape;
#[cfg(test)]
mod tests;
mod topology;
mod usage;

pub use checks::{
    Fit, admit, check_branches, check_draft, check_fit, check_growth, check_prompt, check_rules,
};
pub use clock::now_ms;
pub use counters::Counters;
pub use engine::{Engine, EngineInfo};
pub use error::Error;
pub use limits::MAX_ROWS;
pub use memory::Memory;
pub use outcome::{Outcome, Source};
pub use proposal::Proposal;
pub use rules::Rules;
pub use shape::Shape;
pub use topology::Tree;
pub use usage::{MemoryUse, ModelMemory};
