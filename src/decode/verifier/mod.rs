//! Verifiers: how much of a proposal is kept, and which token of the target's own follows. One file a verifier, one
//! line in [`VERIFIERS`]. They run on the host; the GPU engine has kernels of the same names.
//!
//! At temperature 0 a [`Verifier`] works on logits. Above, a [`SamplingVerifier`] works on integer probabilities
//! ([`crate::sampling`]) and draws its randomness from [`Choices`].

mod block;
mod choices;
mod greedy;
mod lenient;
mod sampled;
mod token;

pub use block::BlockWise;
pub use choices::Choices;
pub use greedy::{Greedy, argmax};
pub use lenient::{Lenient, LenientGreedy};
pub use sampled::{Draft, Sampled, SamplingVerifier};
pub use token::TokenWise;

use super::Error;

/// Rows of logits, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// `values` is a whole number of rows of `width` logits.
    pub fn new(values: &'a [f32], width: usize) -> Self {
        debug_assert!(width > 0 && values.len().is_multiple_of(width));
        Self { values, width }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The logits after the context and the first `i` tokens of the proposal.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.width..(i + 1) * self.width]
    }
}

/// What a verifier decides on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Block<'a> {
    /// The proposed tokens.
    pub proposal: &'a [u32],
    /// The target's logits: one row more than the proposal has tokens.
    pub target: Rows<'a>,
}

impl<'a> Block<'a> {
    /// A proposal and the target's rows for it.
    pub fn new(proposal: &'a [u32], target: Rows<'a>) -> Self {
        debug_assert_eq!(target.len(), proposal.len() + 1);
        Self { proposal, target }
    }
}

/// What a verifier decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Tokens of the proposal that are kept, from its beginning.
    pub accepted: usize,
    /// The token that follows them: the target's correction, or a bonus where all were kept.
    pub next: u32,
}

/// Decides how much of a proposal is kept, at temperature 0.
pub trait Verifier {
    /// Its name in [`VERIFIERS`].
    fn name(&self) -> &'static str;
    /// Accepts a prefix of the proposal and adds one token.
    fn verify(&mut self, block: Block<'_>) -> Verdict;
}

/// A verifier that can be chosen by name.
#[derive(Debug)]
pub struct Spec {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Makes one.
    pub make: Make,
}

/// Makes a verifier, of the kind that it is.
#[derive(Debug, Clone, Copy)]
pub enum Make {
    /// For temperature 0.
    Greedy(fn() -> Box<dyn Verifier>),
    /// For temperatures above 0.
    Sampling(fn() -> Box<dyn SamplingVerifier>),
}

/// Every verifier.
pub static VERIFIERS: [Spec; 3] = [
    Spec { name: "greedy", about: "the most likely token, always", make: Make::Greedy(|| Box::new(Greedy)) },
    Spec {
        name: "token",
        about: "speculative sampling, a token at a time",
        make: Make::Sampling(|| Box::new(TokenWise)),
    },
    Spec {
        name: "block",
        about: "speculative sampling that judges the tokens of a round together: keeps more",
        make: Make::Sampling(|| Box::new(BlockWise)),
    },
];

/// The one that keeps most at temperatures above 0 (ALGORITHMS 14.1).
pub fn best() -> &'static Spec {
    &VERIFIERS[2]
}

/// The verifier called `name`.
///
/// # Errors
/// [`Error::UnknownVerifier`] where [`VERIFIERS`] has no such line.
pub fn by_name(name: &str) -> Result<&'static Spec, Error> {
    find(name, |_| true)
}

/// The verifier called `name` for temperatures above 0: a greedy one would change the law of the text there.
///
/// # Errors
/// [`Error::UnknownVerifier`] where [`VERIFIERS`] has no such line, or one for temperature 0.
pub fn sampling_by_name(name: &str) -> Result<&'static Spec, Error> {
    find(name, |spec| matches!(spec.make, Make::Sampling(_)))
}

fn find(name: &str, suits: impl Fn(&Spec) -> bool) -> Result<&'static Spec, Error> {
    let known = || VERIFIERS.iter().filter(|spec| suits(spec));
    known().find(|spec| spec.name == name).ok_or_else(|| Error::UnknownVerifier {
        name: name.into(),
        known: known().map(|spec| spec.name).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests;
