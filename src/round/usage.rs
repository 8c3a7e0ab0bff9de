//! What an engine takes of its device's memory.

/// Bytes that a model takes, by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ModelMemory {
    /// Weights, and tables that follow from the file alone. What a draft shares with its target counts with the target.
    pub weights: u64,
    /// KV caches: they grow with the text.
    pub caches: u64,
    /// States of the target that a draft reads: they grow with the text.
    pub states: u64,
    /// Activations, logits and other room that rounds work in.
    pub scratch: u64,
}

impl ModelMemory {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { weights, caches, states, scratch } = self;
        weights + caches + states + scratch
    }
}

/// What one sequence takes; its weights may serve others, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemoryUse {
    /// The target, with what both models share.
    pub target: ModelMemory,
    /// The draft model, where one is loaded.
    pub draft: Option<ModelMemory>,
}

impl MemoryUse {
    /// Of both models.
    pub fn total(&self) -> u64 {
        self.target.total() + self.draft.map_or(0, |draft| draft.total())
    }
}
