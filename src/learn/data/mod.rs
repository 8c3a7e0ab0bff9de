//! What a draft learns from: samples of text with what the target thinks of every position.
//!
//! [`Prompt`]s come from files ([`prompts`]) or from the target itself ([`Openers`]); [`Collector`] runs [`Script`]s of
//! given and sampled text through the target, several at once, and makes [`Sample`]s of them; [`shards`] keeps those
//! on disk.

mod collect;
mod folder;
mod lane;
mod openers;
mod pools;
pub mod prompts;
mod sample;
mod script;
pub mod shards;
mod source;
mod strategy;
#[cfg(test)]
mod tests;

pub use collect::{Collector, Progress};
pub use folder::{Collected, collect};
pub use openers::Openers;
pub use pools::{Mix, Pools};
pub use prompts::Prompt;
pub(crate) use sample::weights;
pub use sample::{Rows, Sample, TOP};
pub use script::{Part, Script};
pub use source::Source;
pub use strategy::{STRATEGIES, Strategy};
