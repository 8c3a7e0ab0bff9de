//! What a generation cost, and what speculation was worth (`docs/algorithms.md`: what is measured).

use super::plan::Plan;
use crate::round::{Counters, Outcome};
use crate::sampling::ONE;

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
    /// Mean of `sum min(p, q)` over the tested positions, the exact acceptance rate there (`alpha_TF`);
    /// `None` before the first test.
    pub alpha_tf: Option<f64>,
    /// With lenience: the mean over the generated tokens of the total variation between the law that a token was taken
    /// from and the target's; at temperature 0 the share of tokens that are not the most likely one.
    /// `None` without lenience, where it is 0.
    pub total_variation: Option<f64>,
    /// What each source of tokens promised, cost and brought.
    pub plan: Plan,
    /// Most rounds in flight.
    pub rounds_in_flight: usize,
    /// Dispatches encoded (GPU).
    pub dispatches: u64,
    /// Command buffers submitted (GPU).
    pub submits: u64,
    /// Buffers mapped to read back (GPU).
    pub readbacks: u64,
    /// GPU objects created.
    pub objects: u64,
    /// Pages added to KV caches, of the target and of the draft model.
    pub pages: u64,
    /// Reading the prompt.
    pub prefill_ms: f64,
    /// Drafting; 0 on a GPU without timestamps, where it counts as verifying.
    pub draft_ms: f64,
    /// Verifying. On a GPU rounds overlap with what the host does.
    pub verify_ms: f64,
    /// The host's own work in rounds: looking up, encoding, submitting.
    pub host_ms: f64,
    /// All rounds.
    pub decode_ms: f64,
    /// Generated tokens a second of `decode_ms`; 0 before the first.
    pub tokens_per_second: f64,
    /// Sum of the tested positions' overlaps.
    #[serde(skip)]
    pub(super) overlap: f64,
    /// Sum of their total variations; `None` without lenience.
    #[serde(skip)]
    pub(super) excess: Option<f64>,
}

impl Stats {
    /// Adds a round.
    pub(super) fn add(&mut self, round: &Outcome) {
        self.rounds += 1;
        self.target_passes += 1;
        self.tokens += round.tokens.len();
        self.drafted += round.drafted;
        self.accepted += round.accepted;
        let tested = round.tested();
        self.tested += tested;
        let sum = |of: &[u32]| of.iter().take(tested).map(|&n| f64::from(n) / f64::from(ONE)).sum::<f64>();
        self.overlap += sum(&round.overlaps);
        self.excess = self.excess.map(|excess| excess + sum(&round.excess));
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
            total_variation: self.excess.map(|excess| ratio(excess, tokens)),
            alpha_tf: (self.tested > 0).then(|| self.overlap / self.tested as f64),
            tokens_per_second: ratio(tokens * 1000.0, self.decode_ms),
            dispatches: now.dispatches - before.dispatches,
            submits: now.submits - before.submits,
            readbacks: now.readbacks - before.readbacks,
            objects: now.objects - before.objects,
            pages: now.pages - before.pages,
            ..*self
        }
    }
}
