//! Distilling natively, on [`crate::learn::core`]: files, threads and clocks.
//!
//! - [`collect`](mod@collect): prompts, batched generation on our own CPU engine, and samples on disk;
//! - [`drafts`]: drafts from files, to learn on or to run;
//! - [`train`]: the trainer and its run folder;
//! - [`eval`]: what a draft is worth.

pub mod collect;
pub mod compare;
pub mod device;
pub mod drafts;
mod draw;
mod error;
pub mod eval;
pub mod files;
mod target;
#[cfg(test)]
mod tests;
pub mod train;

pub use error::Error;
pub use target::Target;
