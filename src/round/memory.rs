//! What a model remembers of a sequence.

/// Something that remembers a sequence position by position, such as a KV cache: what was read last is forgotten first.
///
/// Rolling back is [`truncate`](Self::truncate), and keeping one path of a tree is [`accept`](Self::accept), whatever a layer
/// keeps.
pub trait Memory {
    /// Positions that it remembers: the next one is read there.
    fn len(&self) -> usize;

    /// Whether it remembers nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len` positions; nothing where it remembers no more.
    fn truncate(&mut self, len: usize);

    /// Of a tree that was read from position `from` on, node `n` in the slot `from + n`: keeps the first nodes of `path` as
    /// far as they are remembered, each at its position, and forgets the others. Nothing before `from` changes.
    fn accept(&mut self, from: usize, path: &[usize]);
}
