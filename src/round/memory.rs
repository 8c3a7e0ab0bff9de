//! What a model remembers of a sequence.

/// Something that remembers a sequence position by position, such as a KV cache: what was read last is forgotten first.
///
/// Rolling back is this one call, whatever a layer keeps.
pub trait Memory {
    /// Positions that it remembers: the next one is read there.
    fn len(&self) -> usize;

    /// Whether it remembers nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len` positions; nothing where it remembers no more.
    fn truncate(&mut self, len: usize);
}
