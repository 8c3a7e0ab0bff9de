//! Max-Gram (arXiv 2312.11462), also known as prompt lookup: find the longest suffix of the context that occurs
//! earlier in it, and propose what followed there. No model, no training; it shines where text repeats
//! (summaries, code, answers about a given text).
//!
//! It proposes no more tokens than the match is long: two equal tokens in a row are weak evidence, ten are strong, and
//! every wrong token costs the target a row. Replaying the 26 reference continuations of SmolLM2-135M (chat, code,
//! maths, summaries) with matches of two and more tokens and gamma 10, this accepts 47 % of what it proposes where
//! fixed length accepts 22 %, and keeps a block efficiency of 1.27 of 1.31. With single-token matches too, 38 % and
//! 1.34; from three tokens on, 55 % and 1.22. Two is what engines look for because it is the best of the three where an
//! extra row costs 15 % of a pass, as on a GPU, and near the best where it costs 60 %, as on a CPU.
//!
//! This is the rule, and what runs on the CPU; `gpu/kernels/lookup.wgsl` finds the same on the device.
//!
//! The index is a hash chain as in LZ77: the hash of the last `min_match` tokens leads to the latest place where
//! they end, and from each place to the one before. Appending a token and taking one back are O(1); a search looks at
//! the places where as many tokens agree, and at no more than `MAX_MATCH` tokens of each.

use std::collections::HashMap;

/// Tokens that must agree for an engine's lookup to propose.
pub const MIN_MATCH: usize = 2;
/// A match of this many tokens is as good as a longer one.
pub const MAX_MATCH: usize = 32;
/// The end of a chain.
const NONE: u32 = u32::MAX;

/// Finds the continuation of the longest earlier match, the latest of equally long ones.
#[derive(Debug)]
pub struct Lookup {
    min_match: usize,
    /// The context as far as it is indexed.
    tokens: Vec<u32>,
    /// Hash of `min_match` tokens to the latest position where they end.
    latest: HashMap<u64, u32>,
    /// For each position, the one before it where tokens of the same hash end.
    earlier: Vec<u32>,
}

impl Default for Lookup {
    /// Matches of [`MIN_MATCH`] tokens and more.
    fn default() -> Self {
        Self::new(MIN_MATCH)
    }
}

impl Lookup {
    /// Finds only matches of at least `min_match` tokens (1 is taken for 0).
    pub fn new(min_match: usize) -> Self {
        Self { min_match: min_match.max(1), tokens: Vec::new(), latest: HashMap::new(), earlier: Vec::new() }
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

    /// Where the best earlier match ends, and its length.
    fn best_match(&self) -> Option<(usize, usize)> {
        let mut best = None;
        let mut best_length = self.min_match - 1;
        let mut candidate = *self.earlier.last()?;
        while candidate != NONE && best_length < MAX_MATCH {
            let end = candidate as usize;
            let length = self.match_length(end);
            if length > best_length {
                best = Some((end, length));
                best_length = length;
            }
            candidate = self.earlier[end];
        }
        best
    }

    /// At most `most` tokens that may follow `context`. Successive contexts usually continue one another, but need not.
    pub fn find(&mut self, context: &[u32], most: usize) -> Vec<u32> {
        self.follow(context);
        let Some((end, length)) = self.best_match() else { return Vec::new() };
        let mut found = Vec::with_capacity(most.min(length));
        for from in end + 1..=end + most.min(length) {
            // Where the copy reaches the context's end it goes on in itself: a text that repeats with a period
            // shorter than `most` is found whole.
            let id = match self.tokens.get(from) {
                Some(&id) => id,
                None => found[from - self.tokens.len()],
            };
            found.push(id);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Length of the longest suffix (up to `MAX_MATCH`) that also ends earlier, by trying everything, and the
    /// latest place where it ends.
    fn slow_match(context: &[u32]) -> (usize, usize) {
        let last = context.len() - 1;
        let length = |end: usize| {
            (0..=end.min(MAX_MATCH - 1)).take_while(|&i| context[end - i] == context[last - i]).count()
        };
        (0..last).map(|end| (length(end), end)).max().unwrap_or((0, 0))
    }

    #[test]
    fn copies_what_followed_the_longest_match() {
        let mut lookup = Lookup::default();
        assert_eq!(lookup.find(&[], 10), [0; 0]);
        assert_eq!(lookup.find(&[1, 2, 3, 4, 1], 10), [0; 0]);
        assert_eq!(lookup.find(&[1, 2, 3, 4, 1, 2], 10), [3, 4]);
        assert_eq!(lookup.find(&[1, 2, 3, 4, 1, 2], 1), [3]);
        assert_eq!(lookup.find(&[1, 2, 3, 4, 1, 2], 0), [0; 0]);
        // The longer match wins over the later one, the later one over an equal one.
        assert_eq!(lookup.find(&[7, 1, 2, 3, 8, 1, 2, 4, 7, 1, 2], 10), [3, 8, 1]);
        assert_eq!(lookup.find(&[1, 2, 3, 8, 1, 2, 4, 7, 1, 2], 10), [4, 7]);
        // A period goes on beyond the end of the context.
        assert_eq!(lookup.find(&[5; 6], 10), [5; 5]);
    }

    #[test]
    fn min_match_is_a_minimum() {
        let context = [1, 2, 3, 9, 2, 3];
        assert_eq!(Lookup::new(1).find(&context, 1), [9]);
        assert_eq!(Lookup::new(2).find(&context, 1), [9]);
        assert_eq!(Lookup::new(3).find(&context, 1), [0; 0]);
    }

    #[test]
    fn long_repetitive_contexts_stay_cheap() {
        let mut lookup = Lookup::new(1);
        let mut context = vec![0; 100_000];
        assert_eq!(lookup.find(&context, 10), [0; 10]);
        for i in 0..1000 {
            context.push(i % 2);
            lookup.find(&context, 10);
        }
    }

    proptest! {
        /// A proposal is a true continuation of the longest suffix match.
        #[test]
        fn proposals_continue_a_longest_suffix_match(
            context in prop::collection::vec(0u32..4, 1..60),
            min_match in 1usize..4,
            max in 0usize..16,
        ) {
            let proposal = Lookup::new(min_match).find(&context, max);
            let (length, end) = slow_match(&context);
            if length < min_match {
                prop_assert!(proposal.is_empty());
            } else {
                prop_assert_eq!(proposal.len(), max.min(length));
                let whole = [&context[..], &proposal].concat();
                prop_assert_eq!(&whole[context.len()..], &whole[end + 1..end + 1 + proposal.len()]);
            }
        }

        /// Rollbacks and new prompts leave no trace: an old drafter proposes what a new one would.
        #[test]
        fn follows_rollbacks_and_new_prompts(
            changes in prop::collection::vec((0usize..50, prop::collection::vec(0u32..4, 0..20)), 1..20),
        ) {
            let mut old = Lookup::default();
            let mut context: Vec<u32> = Vec::new();
            for (kept, more) in changes {
                context.truncate(kept);
                context.extend(more);
                let fresh = Lookup::default().find(&context, 10);
                prop_assert_eq!(old.find(&context, 10), fresh);
            }
        }
    }
}
