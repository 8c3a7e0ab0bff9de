//! Max-Gram, also known as prompt lookup (ALGORITHMS 10.4, 14.3): find the longest suffix of the context that occurs
//! earlier in it, and propose what followed there. No model, no training; it shines where text repeats
//! (summaries, code, answers about a given text).
//!
//! The index is a hash chain as in LZ77: the hash of the last `min_match` tokens leads to the latest place where
//! they end, and from each place to the one before. Appending a token and taking one back are O(1); a proposal
//! looks at no more than `MAX_CANDIDATES` places and `MAX_MATCH` tokens of each.

use std::collections::HashMap;

use super::{Drafter, Proposal};

/// Earlier places compared for one proposal, latest first.
const MAX_CANDIDATES: usize = 64;
/// A match of this many tokens is as good as a longer one.
const MAX_MATCH: usize = 32;
/// The end of a chain.
const NONE: u32 = u32::MAX;

/// Proposes the continuation of the longest earlier match, the latest of equally long ones.
#[derive(Debug)]
pub struct NGram {
    min_match: usize,
    /// The context as far as it is indexed.
    tokens: Vec<u32>,
    /// Hash of `min_match` tokens to the latest position where they end.
    latest: HashMap<u64, u32>,
    /// For each position, the one before it where tokens of the same hash end.
    earlier: Vec<u32>,
    proposal: Vec<u32>,
}

impl Default for NGram {
    /// Matches of two tokens and more.
    fn default() -> Self {
        Self::new(2)
    }
}

impl NGram {
    /// Proposes only after a match of at least `min_match` tokens (1 is taken for 0).
    pub fn new(min_match: usize) -> Self {
        Self {
            min_match: min_match.max(1),
            tokens: Vec::new(),
            latest: HashMap::new(),
            earlier: Vec::new(),
            proposal: Vec::new(),
        }
    }

    /// Makes the index that of `context`. Comparing costs a `memcmp` of the context, about a microsecond for 8192
    /// tokens; a rollback or another prompt then needs no announcement.
    fn follow(&mut self, context: &[u32]) {
        if !context.starts_with(&self.tokens) {
            let shared = self.tokens.iter().zip(context).take_while(|(a, b)| a == b).count();
            while self.tokens.len() > shared {
                self.pop();
            }
        }
        for &id in &context[self.tokens.len()..] {
            self.push(id);
        }
    }

    fn push(&mut self, id: u32) {
        self.tokens.push(id);
        let end = (self.tokens.len() - 1) as u32;
        let before = self.key().and_then(|key| self.latest.insert(key, end));
        self.earlier.push(before.unwrap_or(NONE));
    }

    fn pop(&mut self) {
        let key = self.key();
        let before = self.earlier.pop();
        self.tokens.pop();
        if let (Some(key), Some(before)) = (key, before) {
            match before {
                NONE => self.latest.remove(&key),
                _ => self.latest.insert(key, before),
            };
        }
    }

    /// Hash (FNV-1a) of the last `min_match` tokens, if there are as many.
    fn key(&self) -> Option<u64> {
        let start = self.tokens.len().checked_sub(self.min_match)?;
        let mix = |hash: u64, &id: &u32| (hash ^ u64::from(id)).wrapping_mul(0x0000_0100_0000_01b3);
        Some(self.tokens[start..].iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// How many tokens before and at `end` are those before and at the context's end.
    fn match_length(&self, end: usize) -> usize {
        let there = self.tokens[..=end].iter().rev();
        there.zip(self.tokens.iter().rev()).take(MAX_MATCH).take_while(|(a, b)| a == b).count()
    }

    /// Where the best earlier match ends.
    fn best_match(&self) -> Option<usize> {
        let mut best = None;
        let mut best_length = self.min_match - 1;
        let mut candidate = *self.earlier.last()?;
        for _ in 0..MAX_CANDIDATES {
            if candidate == NONE || best_length == MAX_MATCH {
                break;
            }
            let length = self.match_length(candidate as usize);
            if length > best_length {
                (best, best_length) = (Some(candidate as usize), length);
            }
            candidate = self.earlier[candidate as usize];
        }
        best
    }
}

impl Drafter for NGram {
    fn name(&self) -> &'static str {
        "ngram"
    }

    fn default_gamma(&self) -> usize {
        10
    }

    fn propose(&mut self, context: &[u32], max: usize) -> Proposal<'_> {
        self.follow(context);
        self.proposal.clear();
        let Some(end) = self.best_match() else { return Proposal::None };
        for from in end + 1..=end + max {
            // Where the copy reaches the context's end it goes on in itself: a text that repeats with a period
            // shorter than `max` is proposed whole.
            let id = match self.tokens.get(from) {
                Some(&id) => id,
                None => self.proposal[from - self.tokens.len()],
            };
            self.proposal.push(id);
        }
        if self.proposal.is_empty() { Proposal::None } else { Proposal::Tokens(&self.proposal) }
    }
}
