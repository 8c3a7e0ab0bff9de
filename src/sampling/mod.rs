//! From logits to integer probabilities, and from those to a token. One file a stage; each is the oracle of the GPU
//! kernel of the same name. What a row means is defined here, once, for target and draft and for every backend.
//!
//! The stages, in this order:
//! 1. [`adjust()`]: logit bias, then penalties on the tokens of the row's *own* history, the context and the proposal
//!    up to that row: a row must be a function of the prefix alone (`docs/algorithms.md`: what losslessness needs);
//! 2. [`integers()`]: temperature, softmax, rounding to units of 2^-31 ([`ONE`]);
//! 3. [`threshold()`]: top-k, then top-p on what top-k left, then min-p; all three keep what is at least as likely as
//!    some value, so together they are one number;
//! 4. [`renormalise()`]: a row that sums to exactly [`ONE`].
//!
//! From [`threshold()`] on everything is integer arithmetic, without rounding that depends on an order: a CPU that is
//! given a GPU's integers makes the GPU's decisions, bit for bit.

mod adjust;
mod argmax;
mod error;
mod integers;
mod limits;
mod log_probability;
mod pick;
pub mod random;
mod renormalise;
mod settings;
mod sound;
mod threshold;

pub use adjust::adjust;
pub use argmax::{argmax, most_likely};
pub use error::Error;
pub use integers::integers;
pub use limits::{MAX_BIAS, MAX_PENALTY_WINDOW, MAX_STOPS};
pub use log_probability::log_probability;
pub use pick::{draw, overlap, pick};
pub use renormalise::renormalise;
pub use settings::Sampling;
pub use sound::sound;
pub use threshold::{fixed, threshold};

/// Probability 1.
pub const ONE: u32 = 1 << 31;

/// The logit of an id that a draft of fewer ids cannot say: its probability is 0 at every temperature. Finite, since WGSL
/// need not know infinities.
pub const UNSAYABLE: f32 = -1e30;

/// [`integers()`], [`threshold()`] and [`renormalise()`] in a row: `out` sums to [`ONE`]. `logits` are already adjusted.
pub fn probabilities(logits: &[f32], sampling: &Sampling, out: &mut [u32]) {
    let mut rough = vec![0; logits.len()];
    integers(logits, sampling.temperature, &mut rough);
    let least = threshold(&rough, sampling);
    renormalise(&rough, least, out);
}

#[cfg(test)]
mod tests;
