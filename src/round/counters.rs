//! How much a device did.

/// Work since a device was opened, of which the CPU counts pages alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Dispatches encoded.
    pub dispatches: u64,
    /// Command buffers submitted.
    pub submits: u64,
    /// Buffers mapped to read back.
    pub readbacks: u64,
    /// Buffers, bind groups and pipelines created.
    pub objects: u64,
    /// Pages added to KV caches, each of all layers of a model: as a text grows, and counted apart from the work of rounds.
    pub pages: u64,
    /// Kernels compiled, which takes longest of these: none once a generation is under way.
    pub pipelines: u64,
}
