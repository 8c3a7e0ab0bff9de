//! Distilling drafts: a small model learns to propose what a target would say (DistillSpec, arXiv 2310.08461).
//!
//! Built on `burn`; loaded on demand and never part of the decode loop. It exchanges plain data with the rest of the
//! crate: GGUF files in and out, and samples (token ids, the target's probabilities, its hidden states).
//!
//! - [`core`]: how a draft learns, without input or output; for the browser as well (the feature `learn-core`);
//! - `run` (the feature `learn`): where samples come from, runs that survive a kill, and what a draft is worth: native.

pub mod core;
mod matrices;
#[cfg(test)]
mod purity;
#[cfg(feature = "learn")]
pub mod run;
