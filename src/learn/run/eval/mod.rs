//! What a draft is worth: acceptance, block efficiency and what they cost, by task, with intervals.
//!
//! The target speaks once a prompt ([`Text`]); every draft is then measured on that text ([`measure()`]), without another
//! target pass: not an approximation, see there. [`clock()`] measures the engine itself, [`score()`] the draft on its own.

mod bootstrap;
mod clock;
mod cost;
mod measure;
mod report;
mod run;
mod score;
#[cfg(test)]
mod tests;
mod text;

pub use bootstrap::{Interval, interval};
pub use clock::{Clock, Generation, clock};
pub use cost::{Cost, cost};
pub use measure::{Measured, measure};
pub use report::{Report, Row, report, size_ratio, task};
pub use run::{Options, run};
pub use score::{Score, score};
pub use text::{Answer, Text, speak};
