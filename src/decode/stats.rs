//! What a generation cost, and what speculation was worth (ALGORITHMS 2.4).

use super::{Counters, Round};

/// Statistics of one generation so far. Times are wall times in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Stats {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them whose keys and values were still cached from the generation before.
    pub reused_tokens: usize,
    /// Generated tokens.
    pub tokens: usize,
    /// Rounds: draft, verify, commit.
    pub rounds: usize,
    /// Proposed tokens.
    pub drafted: usize,
    /// Proposed tokens that became part of the text.
    pub accepted: usize,
    /// Proposed tokens that were put to the test: the accepted ones and the first refused one of each round.
    pub tested: usize,
    /// Passes of the target after the prompt.
    pub target_passes: usize,
    /// Generated tokens a target pass (tau); 0 before the first.
    pub block_efficiency: f64,
    /// `accepted / tested`, the empirical acceptance rate; `None` before the first test.
    pub alpha_emp: Option<f64>,
    /// Dispatches encoded (GPU).
    pub dispatches: u64,
    /// Command buffers submitted (GPU).
    pub submits: u64,
    /// Buffers mapped to read back (GPU).
    pub readbacks: u64,
    /// GPU objects created.
    pub objects: u64,
    /// Reading the prompt.
    pub prefill_ms: f64,
    /// Drafting, part of `decode_ms`; on the GPU it cannot be told apart and counts as verifying.
    pub draft_ms: f64,
    /// Verifying, part of `decode_ms`.
    pub verify_ms: f64,
    /// All rounds.
    pub decode_ms: f64,
    /// Generated tokens a second of `decode_ms`; 0 before the first.
    pub tokens_per_second: f64,
}

impl Stats {
    /// Adds a round of which the first `kept` tokens were kept: a stop token inside a block ends it early.
    pub(super) fn add(&mut self, round: &Round, kept: usize) {
        self.rounds += 1;
        self.target_passes += 1;
        self.tokens += kept;
        self.drafted += round.drafted;
        let accepted = round.accepted.min(kept);
        self.accepted += accepted;
        let refused = kept > round.accepted && round.accepted < round.drafted;
        self.tested += accepted + usize::from(refused);
        self.draft_ms += round.draft_ms;
        self.verify_ms += round.verify_ms;
    }

    /// These sums with the ratios, and the engine's work between two readings of its counters.
    pub(super) fn complete(&self, before: Counters, now: Counters) -> Self {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        let tokens = self.tokens as f64;
        Self {
            block_efficiency: ratio(tokens, self.target_passes as f64),
            alpha_emp: (self.tested > 0).then(|| self.accepted as f64 / self.tested as f64),
            tokens_per_second: ratio(tokens * 1000.0, self.decode_ms),
            dispatches: now.dispatches - before.dispatches,
            submits: now.submits - before.submits,
            readbacks: now.readbacks - before.readbacks,
            objects: now.objects - before.objects,
            ..*self
        }
    }
}
