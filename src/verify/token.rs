//! Token-wise speculative sampling (arXiv 2211.17192 and 2302.01318).

use super::{Choices, Sampled, SamplingVerifier, Spec, Verdict};
use crate::sampling::random::Stream;

/// Its line.
pub(super) static SPEC: Spec = Spec {
    name: "token",
    about: "speculative sampling, a token at a time",
    make: || Box::new(TokenWise),
    kernel: Some("verifiers/token.wgsl"),
    tree: Some(super::walk),
};

/// Keeps each token in turn with probability `min(1, p(x) / q(x))`; at the first refusal draws from
/// `norm((p - q)_+)`, after the last token from `p`.
///
/// At a position the token `x` comes with `min(p, q)(x)` as a kept one and with `(p - q)_+(x)` as a correction, together
/// `p(x)`. In integers, too: both are differences and minima of `P` and `Q`, and nothing is rounded.
#[derive(Debug, Default)]
pub struct TokenWise;

impl SamplingVerifier for TokenWise {
    fn verify(&self, block: &Sampled<'_>, choices: &mut dyn Choices) -> Verdict {
        verify(block, choices, |p| p)
    }
}

/// The test with `f(p)` in place of `p`.
pub(super) fn verify(block: &Sampled<'_>, choices: &mut dyn Choices, f: impl Fn(u32) -> u32) -> Verdict {
    for (i, &id) in block.proposal.iter().enumerate() {
        let (p, q) = (block.p(i, id as usize), block.q(i, id as usize));
        // q is never 0 for a token that was drawn from it.
        if !choices.bernoulli(block.at(i, Stream::Accept), f(p).into(), q.max(1).into()) {
            let residual = |x| block.p(i, x).saturating_sub(block.q(i, x)).into();
            return block.follow(i, &residual, choices);
        }
    }
    block.bonus(choices)
}
