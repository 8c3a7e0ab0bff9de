//! A draft measured on a text of the target's.
//!
//! Speculative sampling emits texts of the target's law. Of a token `y` emitted at some place of a round, where the draft's
//! law is `q` and the target's `p`, the share that was proposed and accepted is `min(p(y), q(y)) / p(y)` (arXiv 2211.17192:
//! of the mass `p(y)`, `min(p, q)(y)` comes from acceptance). So on a text drawn from the target, replaying rounds in
//! which each token counts as accepted with probability `min(1, q(y) / p(y))` has exactly the law of speculative
//! decoding: accepted tokens are the text's own, so the draft's rows are those of the text. The same holds at
//! temperature 0, where a token is accepted if the draft's argmax is it.

use super::text::{Text, softmax};
use crate::cpu::{Draft, DraftReader, Logits};
use crate::round::Memory;
use crate::sampling::argmax;

/// Counts and sums over one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Measured {
    /// Tokens of the answer.
    pub tokens: usize,
    /// Sum over them of `sum over ids of min(p, q)`, the draft fed by the target throughout (teacher forcing).
    pub overlap: f64,
    /// The target's mass of ids that the draft can say at all: no overlap is above.
    pub covered: f64,
    /// Target passes.
    pub rounds: usize,
    /// Proposed tokens up to and including the first that was rejected in each round.
    pub tested: usize,
    /// Accepted ones.
    pub accepted: usize,
}

impl std::ops::AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.overlap += other.overlap;
        self.covered += other.covered;
        self.rounds += other.rounds;
        self.tested += other.tested;
        self.accepted += other.accepted;
    }
}

impl Measured {
    /// Acceptance under teacher forcing.
    pub fn alpha(&self) -> f64 {
        self.overlap / self.tokens.max(1) as f64
    }

    /// The share of what the target says that the draft can say.
    pub fn coverage(&self) -> f64 {
        self.covered / self.tokens.max(1) as f64
    }

    /// Acceptance of the tokens that were put to the test; biased to easy places.
    pub fn alpha_tested(&self) -> f64 {
        self.accepted as f64 / self.tested.max(1) as f64
    }

    /// Block efficiency: tokens a target pass.
    pub fn tau(&self) -> f64 {
        self.tokens as f64 / self.rounds.max(1) as f64
    }
}

/// Measures `draft` at `gamma` on `text`, which must be of the target that it was loaded for.
///
/// # Panics
/// When the text is longer than the draft was loaded for, or lacks states that it reads.
pub fn measure(draft: &Draft, text: &Text, gamma: usize, random: &mut fastrand::Rng) -> Measured {
    let mut measured = Measured { tokens: text.p.len(), ..Measured::default() };
    let states = text.states.as_ref();
    let catch_up = |reader: &mut DraftReader<&Draft>, len: usize| {
        reader.catch_up(&text.tokens[..len], states, Logits::Last)
    };
    // Each position in turn with the target's states.
    let mut reader = DraftReader::new(draft, text.tokens.len());
    for (i, p) in text.p.iter().enumerate() {
        let q = catch_up(&mut reader, text.prompt + i);
        let q = softmax(&q, law_temperature(text));
        let ids = (0..q.len() as u32).map(|id| draft.target_id(id) as usize);
        for (q, id) in q.iter().zip(ids) {
            measured.overlap += f64::from(q.min(p[id]));
            measured.covered += f64::from(p[id]);
        }
    }
    reader.truncate(0);
    let mut at = text.prompt;
    while at < text.tokens.len() {
        measured.rounds += 1;
        // The round may not propose beyond the text: its end is where `max_tokens` was.
        let proposed = gamma.min(text.tokens.len() - at - 1);
        let mut accepted = 0;
        let mut logits = if proposed > 0 { catch_up(&mut reader, at) } else { Vec::new() };
        while accepted < proposed {
            measured.tested += 1;
            if !accepts(draft, text, at + accepted, &logits, random) {
                break;
            }
            accepted += 1;
            if accepted < proposed {
                let last = at + accepted - 1;
                logits = reader.draft_on(text.tokens[last], last);
            }
        }
        measured.accepted += accepted;
        at += accepted + 1;
    }
    measured
}

/// The temperature that laws are compared at.
fn law_temperature(text: &Text) -> f32 {
    if text.temperature > 0.0 { text.temperature } else { 1.0 }
}

/// Whether the draft, with `logits` about position `at`, had proposed the text's token there and it had been accepted.
fn accepts(draft: &Draft, text: &Text, at: usize, logits: &[f32], random: &mut fastrand::Rng) -> bool {
    let token = text.tokens[at];
    if text.temperature <= 0.0 {
        return draft.target_id(argmax(logits)) == token;
    }
    let Some(id) = draft.draft_id(token) else { return false };
    let q = softmax(logits, text.temperature)[id as usize];
    let p = text.p[at - text.prompt][token as usize];
    f64::from(q) > random.f64() * f64::from(p)
}
