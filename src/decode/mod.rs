//! Speculative decoding: a drafter proposes, an [`Engine`](crate::round::Engine) verifies a round at a time, a
//! [`Generator`] drives both. It knows no device.

mod abilities;
mod controller;
mod generate;
mod stats;

pub use abilities::{Abilities, Named, NamedDrafter};
pub use controller::Gamma;
pub use generate::{Event, FinishReason, Generator, Options, PREFILL_CHUNK};
pub use stats::Stats;
