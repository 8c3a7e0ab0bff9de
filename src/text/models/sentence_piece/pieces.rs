//! The pieces of a vocabulary: found by their text, ordered by their scores.

use crate::text::Error;
use crate::text::vocabulary::{Kind, Texts, twice};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A place of the table without a piece.
const FREE: u32 = u32::MAX;

/// Texts, where a piece has spaces for `▁`, with a table over those that merges can make.
pub(super) struct Pieces {
    pub texts: Texts,
    /// What a higher score has a higher number of.
    orders: Vec<u32>,
    /// Pieces that merges pass through, and that no text becomes.
    pub unused: HashSet<u32>,
    /// Bytes of the longest piece.
    longest: usize,
    /// Ids by the hash of their texts, each at its own place or the next free one; at most half of the places are taken.
    table: Vec<u32>,
    state: RandomState,
}

impl Pieces {
    /// The pieces of `tokens`; `scores` has one number each, none of them NaN.
    pub fn new(tokens: &[String], kinds: &[Kind], texts: Texts, scores: &[f32]) -> Result<Self, Error> {
        let places = (2 * tokens.len()).next_power_of_two();
        let orders = scores.iter().copied().map(order).collect();
        let mut pieces = Self {
            texts,
            orders,
            unused: HashSet::new(),
            longest: 0,
            table: vec![FREE; places],
            state: RandomState::new(),
        };
        // A user-defined token is matched before all merges: it gives way to a piece of the same text.
        let of = |wanted: fn(&Kind) -> bool| (0..).zip(kinds).filter(move |(_, kind)| wanted(kind));
        for (id, _) in of(|kind| *kind == Kind::Normal) {
            if let Some(first) = pieces.insert(id) {
                return Err(twice(first, id, &tokens[id as usize]));
            }
        }
        for (id, kind) in of(|kind| matches!(kind, Kind::UserDefined | Kind::Unused)) {
            if !tokens[id as usize].is_empty() && pieces.insert(id).is_none() && *kind == Kind::Unused {
                pieces.unused.insert(id);
            }
        }
        Ok(pieces)
    }

    /// The piece that `text` is.
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        if text.len() > self.longest {
            return None;
        }
        Some(self.table[self.place(text)]).filter(|&id| id != FREE)
    }

    /// The order of piece `id` among all: that of a higher score is higher, that of an equal score equal.
    pub fn order(&self, id: u32) -> u32 {
        self.orders[id as usize]
    }

    /// Where `text` is, or would be.
    fn place(&self, text: &[u8]) -> usize {
        let last = self.table.len() - 1;
        let mut place = self.state.hash_one(text) as usize & last;
        while self.table[place] != FREE && self.texts.get(self.table[place]) != text {
            place = (place + 1) & last;
        }
        place
    }

    /// Adds `id`, unless there is a piece of the same text already.
    fn insert(&mut self, id: u32) -> Option<u32> {
        let text = self.texts.get(id);
        let (length, place) = (text.len(), self.place(text));
        let there = self.table[place];
        if there != FREE {
            return Some(there);
        }
        self.table[place] = id;
        self.longest = self.longest.max(length);
        None
    }
}

/// A score as a number of the same order.
fn order(score: f32) -> u32 {
    // Both zeros are one.
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_those_of_the_scores() {
        let scores = [f32::NEG_INFINITY, -1e10, -3.5, -3.0, -1e-30, 0.0, 1e-30, 2.0, f32::INFINITY];
        assert!(scores.windows(2).all(|pair| order(pair[0]) < order(pair[1])));
        assert_eq!(order(0.0), order(-0.0));
    }
}
