//! What a draft learns from: samples of text with what the target thinks of every position.
//!
//! [`Prompt`]s come from files ([`prompts`]) or from the target itself ([`Openers`]); [`Collector`] runs [`Script`]s of
//! given and sampled text through the target, several at once, and makes [samples](crate::learn::core::Sample) of them;
//! [`shards`] keeps those on disk.

mod collector;
mod folder;
mod lane;
mod openers;
pub mod prompts;
mod script;
pub mod shards;
mod source;
#[cfg(test)]
mod tests;
mod work;

pub use collector::{Collector, Progress};
pub use folder::{Collected, collect};
pub use openers::Openers;
pub use prompts::Prompt;
pub use script::{Part, Script};
pub use source::Source;
