//! A target that reads a text.

use std::ops::Deref;

use super::{FILL_ROWS, States, read_of};
use crate::cpu::model::Input;
use crate::cpu::{Cache, Logits, Model};
use crate::model::{CacheType, Taps};
use crate::round::{Error, Memory, ModelMemory, Tree};

/// A target, and what it has read of a text.
pub struct TargetReader<M> {
    model: M,
    cache: Cache,
    /// Tokens whose keys and values are in `cache`.
    read: usize,
    /// Their states, where somebody reads them.
    states: Option<States>,
}

impl<M: Deref<Target = Model>> TargetReader<M> {
    /// One that has read nothing, of texts of at most `capacity` tokens; it keeps the states that `taps` say.
    pub fn new(model: M, capacity: usize, taps: Option<Taps>) -> Self {
        let cache = Cache::new(model.config(), capacity);
        let states = taps.map(States::new);
        Self { model, cache, read: 0, states }
    }

    /// The same, which keeps its keys and values in `kv_cache`.
    pub fn with_kv_cache(mut self, kv_cache: CacheType) -> Self {
        self.cache = self.cache.of_type(kv_cache);
        self
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Keeps the states that `taps` say from now on. Where it has not kept those so far, it has read nothing any more.
    pub fn keep_states(&mut self, taps: Option<Taps>) {
        if self.states.as_ref().map(States::taps) != taps.as_ref() {
            self.read = if taps.is_none() { self.read } else { 0 };
            self.states = taps.map(States::new);
        }
    }

    /// Tokens that it has room for.
    pub fn capacity(&self) -> usize {
        self.cache.capacity()
    }

    /// The states at what it has read; `None` where it does not keep them.
    pub fn states(&self) -> Option<&States> {
        self.states.as_ref()
    }

    /// As [`Self::states`], when it has read all.
    pub fn into_states(self) -> Option<States> {
        self.states
    }

    /// Reads on to the end of `text`, without logits.
    pub fn fill(&mut self, text: &[u32]) {
        let which = if self.states.is_some() { Logits::States } else { Logits::None };
        for chunk in text[self.read.min(text.len())..].chunks(FILL_ROWS) {
            self.read(chunk, which);
        }
    }

    /// Reads `tokens`, the next ones: the logits that `which` asks for. States are kept of the same rows, so of all tokens
    /// only with [`Logits::States`] and [`Logits::All`].
    pub fn read(&mut self, tokens: &[u32], which: Logits) -> Vec<f32> {
        let start = self.read;
        self.read += tokens.len();
        match &mut self.states {
            None => self.model.forward(&mut self.cache, tokens, start, which),
            Some(states) => {
                let output = self.model.forward_tapped(&mut self.cache, tokens, start, which, states.taps());
                states.extend(&output.hidden);
                output.logits
            }
        }
    }

    /// Reads `token`, the next one, and a tree behind it: the logits of each row, of which [`Memory::accept`] keeps a path.
    pub fn read_tree(&mut self, token: u32, tree: &Tree) -> Vec<f32> {
        let tokens = [&[token], tree.tokens()].concat();
        if tree.is_chain() {
            return self.read(&tokens, Logits::All);
        }
        let from = self.read + 1;
        self.read += tokens.len();
        let last = Taps::last(self.model.config());
        let taps = self.states.as_ref().map_or(&last, States::taps);
        let rows = (tree, 0..tokens.len());
        let output = self.model.forward_tree(&mut self.cache, Input::Tokens(&tokens), rows, from, taps);
        if let Some(states) = &mut self.states {
            states.extend(&output.hidden);
        }
        output.logits
    }

    /// The next token of each of several texts: `tokens[i]` by `readers[i]`. All are of one model and keep the same states,
    /// and read in one pass: their logits, row after row.
    pub fn read_each(readers: &mut [&mut Self], tokens: &[u32]) -> Vec<f32>
    where
        M: Clone,
    {
        let Some(first) = readers.first() else { return Vec::new() };
        let model = first.model.clone();
        let taps = first.states().map_or_else(|| Taps::last(model.config()), |states| states.taps().clone());
        let positions: Vec<usize> = readers.iter().map(|reader| reader.read).collect();
        let mut caches: Vec<&mut Cache> = readers.iter_mut().map(|reader| &mut reader.cache).collect();
        let output = model.forward_batch(&mut caches, tokens, &positions, &taps);
        for (reader, state) in readers.iter_mut().zip(output.hidden.chunks_exact(taps.width())) {
            reader.read += 1;
            if let Some(states) = &mut reader.states {
                states.extend(state);
            }
        }
        output.logits
    }

    /// Sees to memory for the first `len` tokens.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn reserve(&mut self, len: usize) -> Result<(), Error> {
        self.cache.reserve(len)?;
        self.states.as_mut().map_or(Ok(()), |states| states.reserve(len))
    }

    /// Gives back the memory that the first `len` tokens do not need.
    pub fn release(&mut self, len: usize) {
        self.cache.release(len);
        if let Some(states) = &mut self.states {
            states.release(len);
        }
    }

    /// Memory in use.
    pub fn memory(&self) -> ModelMemory {
        ModelMemory {
            weights: self.model.all_bytes() as u64,
            caches: self.cache.bytes() as u64,
            states: self.states.as_ref().map_or(0, States::bytes) as u64,
            scratch: self.cache.scratch.bytes() as u64,
        }
    }

    /// What it remembers its text in.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Lets go of the states before `position`, where it keeps any.
    pub fn forget_states(&mut self, position: usize) {
        if let Some(states) = &mut self.states {
            states.forget(position);
        }
    }
}

impl<M> Memory for TargetReader<M> {
    fn len(&self) -> usize {
        self.read
    }

    fn truncate(&mut self, len: usize) {
        self.read = self.read.min(len);
        if let Some(states) = &mut self.states {
            states.truncate(self.read);
        }
    }

    fn accept(&mut self, from: usize, path: &[usize]) {
        let path = read_of(self.read, from, path);
        self.cache.accept(from, path);
        self.read = self.read.min(from + path.len());
        if let Some(states) = &mut self.states {
            states.accept(from, path);
        }
    }
}
