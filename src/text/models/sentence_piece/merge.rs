//! SentencePiece's BPE (`bpe_model.cc` of google/sentencepiece): of all neighbours that are a piece together, the
//! pair whose piece has the highest score is merged, the leftmost of several.

use super::pieces::Pieces;
use std::collections::{BinaryHeap, HashMap};

/// No neighbour.
const NONE: u32 = u32::MAX;

/// A stretch of the text; empty where it was merged into the one before it.
struct Symbol {
    start: u32,
    length: u32,
    before: u32,
    after: u32,
}

/// Two neighbours that are a piece together. What comes first out of a heap: the highest score, then the leftmost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    order: u32,
    left: std::cmp::Reverse<u32>,
    right: u32,
    /// Bytes of the two: a pair whose symbols have changed has another length now.
    length: u32,
}

struct Merger<'a> {
    text: &'a [u8],
    pieces: &'a Pieces,
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Pair>,
    /// Length of the left part of each unused piece that came up.
    parts: HashMap<&'a [u8], u32>,
}

/// Tells `tell` the stretches that `text`, shorter than 4 GiB, is made of: pieces that are not unused, and single characters.
pub(super) fn merge(text: &str, pieces: &Pieces, mut tell: impl FnMut(&[u8])) {
    let characters =
        text.char_indices().map(|(start, character)| (start as u32, character.len_utf8() as u32));
    let symbols: Vec<_> = (0..)
        .zip(characters)
        .map(|(i, (start, length))| Symbol { start, length, before: u32::wrapping_sub(i, 1), after: i + 1 })
        .collect();
    let mut merger = Merger {
        text: text.as_bytes(),
        pieces,
        pairs: BinaryHeap::with_capacity(symbols.len()),
        symbols,
        parts: HashMap::new(),
    };
    if let Some(last) = merger.symbols.last_mut() {
        last.after = NONE;
    }
    for right in 1..merger.symbols.len() as u32 {
        merger.consider(right - 1, right);
    }
    while let Some(pair) = merger.pairs.pop() {
        merger.take(pair);
    }
    for symbol in &merger.symbols {
        if symbol.length > 0 {
            merger.tell(merger.bytes(symbol.start, symbol.length), &mut tell);
        }
    }
}

impl<'a> Merger<'a> {
    fn bytes(&self, start: u32, length: u32) -> &'a [u8] {
        &self.text[start as usize..][..length as usize]
    }

    /// Remembers the pair of `left` and `right` if it is a piece.
    fn consider(&mut self, left: u32, right: u32) {
        if left == NONE || right == NONE {
            return;
        }
        let (first, second) = (&self.symbols[left as usize], &self.symbols[right as usize]);
        let length = first.length + second.length;
        let text = self.bytes(first.start, length);
        let Some(id) = self.pieces.find(text) else { return };
        if self.pieces.unused.contains(&id) {
            self.parts.insert(text, first.length);
        }
        self.pairs.push(Pair { order: self.pieces.order(id), left: std::cmp::Reverse(left), right, length });
    }

    /// Merges a pair, if both are still there as they were.
    fn take(&mut self, pair: Pair) {
        let (left, right) = (pair.left.0 as usize, pair.right as usize);
        let (first, second) = (self.symbols[left].length, self.symbols[right].length);
        if first == 0 || second == 0 || first + second != pair.length {
            return;
        }
        let after = self.symbols[right].after;
        self.symbols[right].length = 0;
        self.symbols[left].length = pair.length;
        self.symbols[left].after = after;
        if after != NONE {
            self.symbols[after as usize].before = left as u32;
        }
        self.consider(self.symbols[left].before, left as u32);
        self.consider(left as u32, after);
    }

    /// Tells `text`, or its parts where it is an unused piece.
    fn tell(&self, text: &'a [u8], tell: &mut impl FnMut(&[u8])) {
        // The parts of a piece are shorter than it.
        let mut rest = vec![text];
        while let Some(text) = rest.pop() {
            match self.parts.get(text) {
                Some(&left) => {
                    let (left, right) = text.split_at(left as usize);
                    rest.extend([right, left]);
                }
                None => tell(text),
            }
        }
    }
}
