//! A draft model that reads a text behind its target, and goes on by itself.

use std::ops::{Deref, Range};

use super::{FILL_ROWS, States, read_of};
use crate::cpu::{Cache, Draft, Logits};
use crate::model::CacheType;
use crate::round::{Error, Memory, ModelMemory, Tree};

/// A draft, and what it has read of a text.
pub struct DraftReader<D> {
    draft: D,
    cache: Cache,
    /// Tokens whose keys and values are in `cache`, made with the target's states where it reads them.
    read: usize,
    /// Its own states: at the last position that it gave logits for, then at each node of a tree that it drafts.
    own: Vec<f32>,
}

impl<D: Deref<Target = Draft>> DraftReader<D> {
    /// One that has read nothing, of texts of at most `capacity` tokens.
    pub fn new(draft: D, capacity: usize) -> Self {
        let cache = Cache::new(draft.config(), capacity);
        Self { draft, cache, read: 0, own: Vec::new() }
    }

    /// The same, which keeps its keys and values in `kv_cache`.
    pub fn with_kv_cache(mut self, kv_cache: CacheType) -> Self {
        self.cache = self.cache.of_type(kv_cache);
        self
    }

    /// The draft.
    pub fn draft(&self) -> &D {
        &self.draft
    }

    /// Sees to memory for the first `len` tokens.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn reserve(&mut self, len: usize) -> Result<(), Error> {
        self.cache.reserve(len)
    }

    /// Gives back the memory that the first `len` tokens do not need.
    pub fn release(&mut self, len: usize) {
        self.cache.release(len);
    }

    /// Memory in use.
    pub fn memory(&self) -> ModelMemory {
        ModelMemory {
            weights: self.draft.all_bytes() as u64,
            caches: self.cache.bytes() as u64,
            states: size_of_val(self.own.as_slice()) as u64,
            scratch: self.cache.scratch.bytes() as u64,
        }
    }

    /// What it remembers its text in.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Reads on to the end of `text`, without logits; `states` are the target's there.
    ///
    /// # Panics
    /// As [`Self::catch_up`].
    pub fn fill(&mut self, text: &[u32], states: Option<&States>) {
        while self.read < text.len() {
            let end = text.len().min(self.read + FILL_ROWS);
            self.catch_up(&text[..end], states, Logits::None);
        }
    }

    /// Reads all that is left of `text` at once: the logits that `which` asks for, over its own ids.
    ///
    /// # Panics
    /// When it reads the target's `states` and they do not reach to the last token but one.
    pub fn catch_up(&mut self, text: &[u32], states: Option<&States>, which: Logits) -> Vec<f32> {
        let (start, end) = (self.read, text.len());
        let before = before(&self.draft, states, start..end);
        let output = self.draft.forward(&mut self.cache, &text[start..], &before, start, which);
        self.read = end;
        self.own = output.hidden;
        output.logits
    }

    /// The next token of each of several texts: `tokens[i]` by `readers[i]`, with the target's states there. All are of one
    /// draft, and read in one pass: their logits, row after row.
    ///
    /// # Panics
    /// As [`Self::catch_up`].
    pub fn read_each(readers: &mut [(&mut Self, Option<&States>)], tokens: &[u32]) -> Vec<f32>
    where
        D: Clone,
    {
        let Some((first, _)) = readers.first() else { return Vec::new() };
        let draft = first.draft.clone();
        let positions: Vec<usize> = readers.iter().map(|(reader, _)| reader.read).collect();
        let next =
            readers.iter().map(|(reader, states)| before(&draft, *states, reader.read..reader.read + 1));
        let next = next.collect::<Vec<_>>().concat();
        let mut caches: Vec<&mut Cache> = readers.iter_mut().map(|(reader, _)| &mut reader.cache).collect();
        let output = draft.forward_batch(&mut caches, tokens, &next, &positions);
        let own = output.hidden.chunks_exact(draft.config().width);
        for ((reader, _), own) in readers.iter_mut().zip(own) {
            reader.read += 1;
            reader.own = own.to_vec();
        }
        output.logits
    }

    /// Reads `token` at `position`, which it has proposed itself, with its own state one position before: the logits behind
    /// it. Where it reads the target's states it will read the token again, with those.
    pub fn draft_on(&mut self, token: u32, position: usize) -> Vec<f32> {
        let own = self.draft.own_state(&self.own);
        let output = self.draft.forward(&mut self.cache, &[token], &own, position, Logits::Last);
        if !self.draft.reads_hidden() {
            // What it reads are tokens alone, so it stands where they are accepted.
            self.read = position + 1;
        }
        self.own = output.hidden;
        output.logits
    }

    /// Reads the nodes `nodes` of a tree that it drafts behind `from` tokens, in one pass, each with its own state at the node
    /// before: the logits behind each. It has caught up with those tokens and read all nodes before these.
    pub fn draft_nodes(&mut self, tree: &Tree, nodes: Range<usize>, from: usize) -> Vec<f32> {
        let width = self.draft.config().width;
        let before = |node: usize| tree.parents()[node].map_or(0, |parent| parent + 1);
        let own = |node: usize| self.draft.own_state(&self.own[before(node) * width..][..width]);
        let own = nodes.clone().map(own).collect::<Vec<_>>().concat();
        let output = self.draft.forward_tree(&mut self.cache, tree, nodes.clone(), &own, from);
        if !self.draft.reads_hidden() {
            self.read = from + nodes.end;
        }
        self.own.extend(output.hidden);
        output.logits
    }
}

/// The states that predicted the tokens at `positions`, as `draft` reads them; none where it reads tokens alone.
fn before(draft: &Draft, states: Option<&States>, positions: Range<usize>) -> Vec<f32> {
    match (states, draft.taps()) {
        (Some(states), Some(taps)) => states.before(positions, taps),
        _ => Vec::new(),
    }
}

impl<D> Memory for DraftReader<D> {
    fn len(&self) -> usize {
        self.read
    }

    fn truncate(&mut self, len: usize) {
        self.read = self.read.min(len);
    }

    fn accept(&mut self, from: usize, path: &[usize]) {
        let path = read_of(self.read, from, path);
        self.cache.accept(from, path);
        self.read = self.read.min(from + path.len());
    }
}
