//! Speculative decoding: a drafter proposes, an [`Engine`](crate::round::Engine) verifies a round at a time, a
//! [`Generator`] drives both. It knows no device.

mod abilities;
mod controller;
mod event;
mod generate;
mod plan;
#[cfg(any(test, feature = "rigs"))]
pub mod rigs;
mod stats;

pub use abilities::{Abilities, Named, NamedDrafter};
pub use controller::{Gamma, Knowledge};
pub use event::{Event, FinishReason};
pub use generate::{Generator, Options, PREFILL_CHUNK};
pub use plan::{Paused, Plan, Promise, SourcePlan};
pub use stats::Stats;
