//! Distilling drafts: a small model learns to propose what a target would say (DistillSpec, arXiv 2310.08461).
//!
//! Built on `burn`; loaded on demand and never part of the decode loop. It exchanges plain data with the rest of the
//! crate: GGUF files in and out, and samples (token ids, the target's probabilities, its hidden states).
//!
//! - [`data`]: prompts, batched generation on our own CPU engine, samples on disk, and the strategies that mix them;
//! - [`draft`]: drafts as burn modules, and as GGUF files;
//! - [`divergence`]: what distilling minimises;
//! - [`train`]: the trainer and its run folder;
//! - [`eval`]: what a draft is worth.

pub mod data;
pub mod device;
pub mod divergence;
pub mod draft;
mod error;
pub mod eval;
pub mod files;
mod table;
mod target;
pub mod train;

pub use error::Error;
pub use target::Target;
