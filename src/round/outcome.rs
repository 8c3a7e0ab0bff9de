//! What came of a round.

/// Who proposed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody: a plain round, or one whose drafters had nothing to say.
    #[default]
    Nobody,
    /// The caller.
    Host,
    /// The engine's lookup.
    Lookup,
    /// The draft model.
    Model,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Committed tokens: the accepted prefix of the proposal, then one token of the target's own; cut behind a stop
    /// token and at the limit. None in a round that was submitted before the end became known.
    pub tokens: Vec<u32>,
    /// Who proposed.
    pub source: Source,
    /// Proposed tokens.
    pub drafted: usize,
    /// Accepted ones among `tokens`.
    pub accepted: usize,
    /// `sum min(p, q)` at each proposed token that was put to the test, in units of [`ONE`](crate::sampling::ONE):
    /// the exact probability that it was accepted. With lenience `sum min(f(p), q)`. In a tree at each node whose children
    /// were: [`Walk::overlaps`](crate::verify::Walk::overlaps).
    pub overlaps: Vec<u32>,
    /// With lenience: the total variation of the token's law from the target's at each of those, in the same units
    /// (`docs/algorithms.md`: what lenience costs). Empty without.
    pub excess: Vec<u32>,
    /// [`log_probability`](crate::sampling::log_probability) of each token, where the rules ask for it; otherwise empty.
    pub logprobs: Vec<f32>,
    /// Time in drafting, in ms; 0 where the device cannot tell it apart from verifying.
    pub draft_ms: f64,
    /// Time in verifying, in ms.
    pub verify_ms: f64,
}

impl Outcome {
    /// Positions at which proposed tokens were put to the test: the accepted ones, and one where they were refused.
    pub fn tested(&self) -> usize {
        // Not every path of a tree is as long as the tree has nodes.
        let most = if self.overlaps.is_empty() { self.drafted } else { self.overlaps.len() };
        self.accepted + usize::from(self.tokens.len() > self.accepted && self.accepted < most)
    }
}
