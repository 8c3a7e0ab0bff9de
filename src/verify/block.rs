//! Block verification (arXiv 2403.10444): the tokens of a proposal are judged together. It never keeps
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

use super::{Choices, Draft, Sampled, SamplingVerifier, Spec, Verdict};
use crate::sampling::ONE;
use crate::sampling::random::Stream;

/// Its line.
pub(super) static SPEC: Spec = Spec {
    name: "block",
    about: "speculative sampling that judges the tokens of a round together: keeps more",
    make: || Box::new(BlockWise),
    kernel: Some("verifiers/block.wgsl"),
    tree: None,
};

const M: u64 = ONE as u64;

/// Keeps as much of a proposal as its tokens, judged together, allow.
#[derive(Debug, Default)]
pub struct BlockWise;

impl SamplingVerifier for BlockWise {
    fn verify(&self, block: &Sampled<'_>, choices: &mut dyn Choices) -> Verdict {
        let wanted = wanted(block);
        let all = block.proposal.len();
        let mut keeps = |i: usize, numerator: u64, denominator: u64| {
            i == 0 || choices.bernoulli(block.at(i - 1, Stream::Accept), numerator.into(), denominator.into())
        };
        if keeps(all, wanted[all], M) {
            return block.bonus(choices);
        }
        // From the end: the first success is tau, and the draws of shorter prefixes, each at an address of its own,
        // need not be looked at.
        let mut accepted = all - 1;
        let residuals = loop {
            let residuals = residuals(block, accepted, wanted[accepted]);
            let sum: u64 = residuals.iter().sum();
            let denominator = sum + (M - wanted[accepted]) * M;
            let h = if denominator == 0 { (1, 1) } else { (sum, denominator) };
            if keeps(accepted, h.0, h.1) {
                break residuals;
            }
            accepted -= 1;
        };
        block.follow(accepted, &|x| residuals[x], choices)
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

/// `R_i`.
fn residuals(block: &Sampled<'_>, i: usize, wanted: u64) -> Vec<u64> {
    let mut residuals: Vec<u64> = block.target[i].iter().map(|&p| wanted * u64::from(p)).collect();
    match block.draft {
        Draft::Rows(rows) => residuals.iter_mut().zip(rows[i]).for_each(|(r, &q)| *r = residual(*r, q)),
        Draft::PointMass => {
            residuals
                .iter_mut()
                .skip(block.proposal[i] as usize)
                .take(1)
                .for_each(|r| *r = residual(*r, ONE));
        }
    }
    residuals
}

/// `R_i(x)`, given `Pi_i P(x)`.
fn residual(scaled: u64, q: u32) -> u64 {
    scaled.checked_sub(u64::from(q) * M).unwrap_or_else(|| remainder(scaled, q))
}

/// `scaled % q` for `scaled < q * 2^31`: several times faster than the 64-bit division of many processors, and there
/// is one for every id. The quotient is below 2^31, so `f64` has it right or one off.
fn remainder(scaled: u64, q: u32) -> u64 {
    let q = i64::from(q);
    let quotient = (scaled as f64 / q as f64) as i64;
    let rest = scaled as i64 - quotient * q;
    let rest = if rest < 0 { rest + q } else { rest };
    (if rest >= q { rest - q } else { rest }) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn remainders(q in 1..=ONE, quotient in 0..M, rest in any::<u32>()) {
            let multiple = quotient * u64::from(q);
            for rest in [0, 1, rest, q - 1] {
                let scaled = multiple + u64::from(rest % q);
                prop_assert_eq!(remainder(scaled, q), scaled % u64::from(q));
            }
        }
    }
}
