//! What each source of tokens promised, cost and brought: how a generation explains its speed.

/// Why a source is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Paused {
    /// It promises less than plain decoding.
    Promise,
    /// It lost more time than it may.
    Losses,
}

/// What a round of a source promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Promise {
    /// Tokens to propose.
    pub gamma: usize,
    /// Tokens that the round is expected to commit.
    pub tokens: f64,
    /// Milliseconds that it is expected to take.
    pub ms: f64,
    /// Its speed compared with plain decoding at its best.
    pub speed: f64,
}

/// A source in a generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct SourcePlan {
    /// Rounds that it proposed in.
    pub rounds: usize,
    /// Tokens that those committed.
    pub tokens: usize,
    /// Milliseconds that they took.
    pub ms: f64,
    /// What it last promised; `None` where nobody asked.
    pub promise: Option<Promise>,
    /// Why it is not used now; `None` where it is, or where it has nothing to say.
    pub paused: Option<Paused>,
}

impl SourcePlan {
    /// Adds a round.
    pub(super) fn add(&mut self, tokens: usize, ms: f64) {
        self.rounds += 1;
        self.tokens += tokens;
        self.ms += ms;
    }
}

/// Every source of a generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Plan {
    /// Rounds in which nothing was proposed.
    pub plain: SourcePlan,
    /// Tokens found by the host; `None` where no drafter looks for any.
    pub lookup: Option<SourcePlan>,
    /// Tokens of the draft model; `None` where no drafter asks it.
    pub draft: Option<SourcePlan>,
}
