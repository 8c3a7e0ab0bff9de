//! How much a device did.

/// Work since a device was opened; none where nothing counts it.
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
    /// Kernels compiled, which takes longest of these: none once a generation is under way.
    pub pipelines: u64,
}
