//! Lossy verification (arXiv 2310.08461; `docs/algorithms.md`: what lenience costs): more is accepted than the target's law
//! allows, by choice.

use super::{Block, Choices, Lenience, Sampled, SamplingVerifier, Verdict, Verifier, token};
use crate::sampling::argmax;

/// As [`super::TokenWise`], with `f(p)` in place of `p` in the test; the residual stays `norm((p - q)_+)`.
#[derive(Debug)]
pub struct Lenient(pub Lenience);

impl SamplingVerifier for Lenient {
    fn verify(&self, block: &Sampled<'_>, choices: &mut dyn Choices) -> Verdict {
        token::verify(block, choices, |p| self.0.raised(p))
    }
}

/// As [`super::Greedy`], but keeps tokens that are nearly as likely as the most likely one.
#[derive(Debug)]
pub struct LenientGreedy(pub Lenience);

impl Verifier for LenientGreedy {
    fn verify(&mut self, block: Block<'_>) -> Verdict {
        let accepts = |i: &usize| {
            let row = block.target.row(*i);
            // None for an id that the target reads but never says.
            let logit = row.get(block.proposal[*i] as usize);
            logit.is_some_and(|logit| *logit >= row[argmax(row) as usize] + self.0.margin())
        };
        let accepted = (0..block.proposal.len()).take_while(accepts).count();
        Verdict { accepted, next: argmax(block.target.row(accepted)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Kind, Rows};

    #[test]
    fn nearly_as_likely_is_enough() {
        let rows = [1.0, 0.5, -3.0, 0.0, 2.0, 1.9];
        let verify = |kind, epsilon, proposal: &[u32]| {
            let rows = Rows::new(&rows[..3 * (proposal.len() + 1)], 3);
            let kind = Kind::by_name(kind).unwrap();
            LenientGreedy(Lenience { kind, epsilon }).verify(Block::new(proposal, rows))
        };
        // e^-0.5 = 0.607
        assert_eq!(verify("linear", 0.6, &[1]), Verdict { accepted: 1, next: 1 });
        assert_eq!(verify("linear", 0.62, &[1]), Verdict { accepted: 0, next: 0 });
        assert_eq!(verify("square", 0.77, &[1]), Verdict { accepted: 1, next: 1 });
        assert_eq!(verify("linear", 0.1, &[2]), Verdict { accepted: 0, next: 0 });
        assert_eq!(verify("linear", 1.0, &[0]), Verdict { accepted: 1, next: 1 });
        assert_eq!(verify("linear", 0.1, &[3]), Verdict { accepted: 0, next: 0 }, "the target never says it");
    }
}
