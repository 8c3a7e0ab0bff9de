//! Data strategies (DistillSpec, arXiv 2310.08461): whose text a draft learns from. One file each, one line in [`STRATEGIES`].

mod fixed;
mod imitkd;
mod mixed;
mod on_policy;
mod target;

use super::pools::Mix;
use crate::learn::core::{error::Error, table};

/// A strategy.
pub struct Strategy {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Shares of the pools; `lambda` is the share of the draft's own text in those that mix.
    pub mix: fn(lambda: f32) -> Mix,
}

/// Every strategy.
pub static STRATEGIES: [Strategy; 5] =
    [fixed::STRATEGY, target::STRATEGY, on_policy::STRATEGY, mixed::STRATEGY, imitkd::STRATEGY];

impl Strategy {
    /// The strategy called `name`.
    ///
    /// # Errors
    /// [`Error::Unknown`] where [`STRATEGIES`] has no such line.
    pub fn by_name(name: &str) -> Result<&'static Self, Error> {
        table::find("data strategy", &STRATEGIES, name, |strategy| strategy.name)
    }
}
