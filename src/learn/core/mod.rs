//! How a draft learns, without input or output: samples in memory, a [`Learner`] that takes steps, and the draft's weights
//! as plain data.
//!
//! Nothing here opens files, starts threads, reads clocks or draws a random number that it was not given, so that it
//! runs wherever it compiles, the browser included (the feature `learn-core`); a test reads the sources and says so.
//!
//! - [`Sample`]s, the [`Pools`] that they wait in, and the [`Strategy`] that mixes them;
//! - [`draft`]: drafts as burn modules, and as the bytes of GGUF files;
//! - [`divergence`]: what distilling minimises;
//! - [`Batcher`], [`judge`], [`optimizer`] and [`Schedule`]: the parts of a step.

mod batch;
pub mod divergence;
pub mod draft;
pub(in crate::learn) mod error;
mod gradients;
mod learner;
mod loss;
pub mod optimizer;
mod pools;
mod relative;
pub(in crate::learn) mod sample;
mod schedule;
mod strategy;
pub(in crate::learn) mod table;
mod target;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Batcher};
pub use error::Error;
pub use learner::{Learner, Settings, State, Step, check_feature_weight};
pub use loss::{Judged, Pass, judge};
pub use pools::{Mix, Pools};
pub use sample::{Rows, Sample, TOP};
pub use schedule::Schedule;
pub use strategy::{STRATEGIES, Strategy};
pub use target::Matrices;
