//! What the verifiers of sampled text decide on.

use super::{Choices, Lenience, Verdict};
use crate::sampling::random::{Draw, Stream};
use crate::sampling::{ONE, overlap};

/// The law that a proposal was drawn from (`docs/algorithms.md`: the one it was *really* drawn from).
#[derive(Debug, Clone, Copy)]
pub enum Draft<'a> {
    /// `rows[i]` is the row that token `i` was drawn from (in a tree: the children of row `i`); it sums to [`ONE`]. It may be
    /// shorter than the target's (a reduced vocabulary): ids beyond its end have probability 0.
    Rows(&'a [&'a [u32]]),
    /// Each token came from somewhere that knows no probabilities, such as an n-gram: given the proposal it is
    /// certain. Without loss for any procedure that does not look at the random words of the verification
    /// (`docs/algorithms.md`: proposals without a law).
    PointMass,
}

/// A proposal, and everything known about it, in integers.
#[derive(Debug, Clone, Copy)]
pub struct Sampled<'a> {
    /// Absolute position of the first proposed token: the length of the context.
    pub position: u32,
    /// The proposed tokens.
    pub proposal: &'a [u32],
    /// The target's rows, one more than the proposal has tokens; each sums to [`ONE`].
    pub target: &'a [&'a [u32]],
    /// What the proposal was drawn from.
    pub draft: Draft<'a>,
}

impl Sampled<'_> {
    /// `P(x)` after the first `i` tokens of the proposal; 0 for ids that the target does not predict.
    pub fn p(&self, i: usize, id: usize) -> u32 {
        self.target[i].get(id).copied().unwrap_or(0)
    }

    /// `Q(x)` of the row that token `i` of the proposal was drawn from.
    pub fn q(&self, i: usize, id: usize) -> u32 {
        match self.draft {
            Draft::Rows(rows) => rows[i].get(id).copied().unwrap_or(0),
            Draft::PointMass if self.proposal[i] as usize == id => ONE,
            Draft::PointMass => 0,
        }
    }

    /// `sum min(P, Q)` at row `i`, the exact probability that token `i` is accepted, in units of [`ONE`].
    pub fn overlap(&self, i: usize) -> u32 {
        match self.draft {
            Draft::Rows(rows) => overlap(self.target[i], rows[i]),
            Draft::PointMass => self.p(i, self.proposal[i] as usize),
        }
    }

    /// `sum min(f(P), Q)` at row `i`: the probability that token `i` is accepted with lenience. What it is more than
    /// [`overlap`](Self::overlap) is the total variation from the target's law there.
    pub fn lenient_overlap(&self, i: usize, lenience: &Lenience) -> u32 {
        let accepted = |id: usize, q: u32| lenience.raised(self.p(i, id)).min(q);
        match self.draft {
            Draft::Rows(rows) => rows[i].iter().enumerate().map(|(id, q)| accepted(id, *q)).sum(),
            Draft::PointMass => accepted(self.proposal[i] as usize, ONE),
        }
    }

    /// The address of a draw that decides about token `i`.
    pub fn at(&self, i: usize, stream: Stream) -> Draw {
        Draw { position: self.position + i as u32, stream, slot: 0 }
    }

    /// Keeps `accepted` tokens, then draws one with these weights over the target's ids.
    ///
    /// Where all are 0 it draws from the target's row: a verifier gets there with probability 0 only.
    pub fn follow(
        &self,
        accepted: usize,
        weight: &dyn Fn(usize) -> u64,
        choices: &mut dyn Choices,
    ) -> Verdict {
        let row = self.target[accepted];
        let at = self.at(accepted, Stream::Residual);
        let next = match (0..row.len()).map(weight).sum() {
            0 => choices.token(at, row),
            total => choices.categorical(at, row.len(), weight, total) as u32,
        };
        Verdict { accepted, next }
    }

    /// Keeps the whole proposal, then draws a bonus from the target's last row.
    pub fn bonus(&self, choices: &mut dyn Choices) -> Verdict {
        let accepted = self.proposal.len();
        let next = choices.token(self.at(accepted, Stream::Residual), self.target[accepted]);
        Verdict { accepted, next }
    }
}

/// Decides how much of a proposal is kept, so that the text has the target's law.
pub trait SamplingVerifier {
    /// Accepts a prefix of the proposal and adds one token. All randomness comes from `choices`.
    fn verify(&self, block: &Sampled<'_>, choices: &mut dyn Choices) -> Verdict;
}
