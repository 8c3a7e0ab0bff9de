//! Block verification (arXiv 2403.10444; ALGORITHMS 14.1): the tokens of a proposal are judged together. It never keeps
//! fewer on average than [`super::TokenWise`], from the same rows, and its text has the same law.
//!
//! # In integers, and still without loss
//!
//! With `M = 2^31`, rows `P` and `Q` that sum to `M`, and `x_1 .. x_g` the proposal:
//!
//! - `Pi_0 = M`, `Pi_i = min(M, floor(Pi_{i-1} P_i(x_i) / Q_i(x_i)))`: how much of this prefix is wanted;
//! - the residual after `i` tokens, in units of `M^-2`, for every token x of the next row:
//!   `R_i(x) = Pi_i P(x) - Q(x) Pi_{i+1}(x)`, where `Pi_{i+1}(x)` is what `Pi_{i+1}` would be for `x_{i+1} = x`.
//!   So where `Pi_i P(x) >= Q(x) M` it is `Pi_i P(x) - Q(x) M`, else the remainder `Pi_i P(x) mod Q(x)` that flooring
//!   leaves. `S_i` is its sum over x;
//! - `h_i = S_i / (S_i + (M - Pi_i) M)` for `i < g` (1 for 0/0), `h_g = Pi_g / M`;
//! - `eta_i` succeeds with probability `h_i`, independently of everything else; tau is the largest `i` whose `eta_i`
//!   succeeds, 0 if none does. Kept are `x_1 .. x_tau`, then a token drawn from `R_tau`, or from `P` if `tau = g`.
//!
//! *Claim 1*: `Pr(tau >= i | x_1..x_i) = Pi_i / M`. For `i = g` that is `h_g`. For `i < g`, by the claim for `i + 1`,
//! `A = Pr(tau > i | x_1..x_i) = sum_x Q(x) Pi_{i+1}(x) / M^2 = (Pi_i M - S_i) / M^2`, because P sums to M exactly and
//! `R_i` is defined as the difference. `eta_i` does not depend on what comes after `x_i`, so
//! `Pr(tau = i | x_1..x_i) = (1 - A) h_i`. As `1 - A = (S_i + (M - Pi_i) M) / M^2`, this is `S_i / M^2`, and
//! `A + S_i / M^2 = Pi_i / M`. For `i = 0` nothing is drawn: `tau >= 0` is certain, and `Pi_0 = M`.
//!
//! *Claim 2*: the text has the target's law. Text begins with `x_1..x_i x` in one of three ways. Either `tau > i` and
//! `x_{i+1} = x`; or `tau = i` and x is drawn from `R_i`. Given that `x_1..x_i` is the proposal's beginning these two
//! have, by claim 1, `Q(x) Pi_{i+1}(x) / M^2 + (S_i / M^2) (R_i(x) / S_i) = Pi_i P(x) / M^2`: exactly `P(x) / M` times
//! `Pr(tau >= i | x_1..x_i)`. Or `tau < i`, and x is, given the text before it, drawn from P. So x follows
//! `x_1..x_i` with probability `P(x) / M`, whatever the prefix. ∎
//!
//! Floored `Pi` with the textbook residual `(Pi_i P - Q M)_+` would lose up to `Q(x) / M^2` a token; the remainder is
//! that loss, paid back. `S_i = 0` is never emitted from: if `Pi_i < M` then `h_i = 0`; if `Pi_i = M` then `A = 1`.

use super::{Choices, Sampled, SamplingVerifier, Verdict};
use crate::decode::random::Stream;
use crate::decode::sampling::ONE;

const M: u64 = ONE as u64;

/// Keeps as much of a proposal as its tokens, judged together, allow.
#[derive(Debug, Default)]
pub struct BlockWise;

impl SamplingVerifier for BlockWise {
    fn name(&self) -> &'static str {
        "block"
    }

    fn verify(&self, block: &Sampled<'_>, choices: &mut dyn Choices) -> Verdict {
        let wanted = wanted(block);
        // From the end: the first success is tau, and the draws of shorter prefixes, each at an address of its own,
        // need not be looked at.
        for i in (1..=block.proposal.len()).rev() {
            let (numerator, denominator) = keep(block, i, wanted[i]);
            let at = block.at(i - 1, Stream::Accept);
            if choices.bernoulli(at, numerator.into(), denominator.into()) {
                return if i == block.proposal.len() {
                    block.bonus(choices)
                } else {
                    block.follow(i, &|x| residual(block, i, wanted[i], x), choices)
                };
            }
        }
        if block.proposal.is_empty() {
            return block.bonus(choices);
        }
        block.follow(0, &|x| residual(block, 0, M, x), choices)
    }
}

/// `Pi_0 .. Pi_g`.
fn wanted(block: &Sampled<'_>) -> Vec<u64> {
    let mut wanted = vec![M];
    for (i, &id) in block.proposal.iter().enumerate() {
        let scaled = wanted[i] * u64::from(block.p(i, id as usize));
        // q is never 0 for a token that was drawn from it.
        let q = u64::from(block.q(i, id as usize)).max(1);
        wanted.push(M.min(scaled / q));
    }
    wanted
}

/// `h_i` as a fraction, for `i > 0`.
fn keep(block: &Sampled<'_>, i: usize, wanted: u64) -> (u64, u64) {
    if i == block.proposal.len() {
        return (wanted, M);
    }
    let sum: u64 = (0..block.target[i].len()).map(|x| residual(block, i, wanted, x)).sum();
    match sum + (M - wanted) * M {
        0 => (1, 1),
        denominator => (sum, denominator),
    }
}

/// `R_i(x)`.
fn residual(block: &Sampled<'_>, i: usize, wanted: u64, id: usize) -> u64 {
    let scaled = wanted * u64::from(block.p(i, id));
    let q = u64::from(block.q(i, id));
    scaled.checked_sub(q * M).unwrap_or_else(|| scaled % q)
}
