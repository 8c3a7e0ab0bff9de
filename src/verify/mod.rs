//! Verifiers: how much of a proposal is kept, and which token of the target's own follows.
//!
//! At temperature 0 there is one way, [`Greedy`], a [`Verifier`] that works on logits. Above, a [`SamplingVerifier`] works
//! on integer probabilities ([`crate::sampling`]) and draws its randomness from [`Choices`]: one file a verifier, with its
//! rule for the host, the name of its GPU kernel and its line of help, and one line in [`VERIFIERS`]. Those that
//! accept more than the target's law allows differ in a function: [`KINDS`]. Where a proposal branches there is [`walk_greedily`],
//! and above temperature 0 [`walk`], by which verifiers judge that can: a path is kept, not a beginning.

mod block;
mod choices;
mod greedy;
mod lenience;
mod lenient;
mod sampled;
mod token;
mod tree;

pub use block::BlockWise;
pub use choices::Choices;
pub use greedy::Greedy;
pub use lenience::{KINDS, Kind, Lenience};
pub use lenient::{Lenient, LenientGreedy};
pub use sampled::{Draft, Sampled, SamplingVerifier};
pub use token::TokenWise;
pub use tree::{Replacement, SampledTree, Walk, candidates, walk, walk_greedily};

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
    /// Accepts a prefix of the proposal and adds one token.
    fn verify(&mut self, block: Block<'_>) -> Verdict;
}

/// A verifier of sampled text that can be chosen by name.
#[derive(Debug)]
pub struct Spec {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Makes the host's.
    pub make: fn() -> Box<dyn SamplingVerifier>,
    /// The file of `gpu/kernels` with the same rule; `None` where the GPU cannot verify so.
    pub kernel: Option<&'static str>,
    /// Its rule for proposals that branch; `None` where it judges chains alone.
    pub tree: Option<fn(&SampledTree<'_>, &mut dyn Choices) -> Walk>,
}

/// Every verifier of sampled text.
pub static VERIFIERS: &[&Spec] = &[&token::SPEC, &block::SPEC];

/// The one that keeps most (arXiv 2403.10444).
pub fn best() -> &'static Spec {
    &block::SPEC
}

/// The one that judges each token by itself: what lenience is made of.
pub fn token_wise() -> &'static Spec {
    &token::SPEC
}

/// No verifier of that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no verifier {name:?}; use one of {known}", known = names(|_| true))]
pub struct Unknown {
    /// The name asked for.
    pub name: String,
}

impl Unknown {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        "verifier-unknown"
    }
}

/// The verifier called `name`.
///
/// # Errors
/// [`Unknown`] where [`VERIFIERS`] has no such line.
pub fn by_name(name: &str) -> Result<&'static Spec, Unknown> {
    let found = VERIFIERS.iter().find(|spec| spec.name == name);
    found.copied().ok_or_else(|| Unknown { name: name.into() })
}

/// The names of the verifiers that the GPU has kernels for.
pub(crate) fn with_kernel() -> String {
    names(|spec| spec.kernel.is_some())
}

/// The names of the verifiers of proposals that branch.
pub(crate) fn with_trees() -> String {
    names(|spec| spec.tree.is_some())
}

fn names(suits: impl Fn(&Spec) -> bool) -> String {
    let suiting = VERIFIERS.iter().filter(|spec| suits(spec));
    suiting.map(|spec| spec.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
