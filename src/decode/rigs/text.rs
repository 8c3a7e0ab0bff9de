//! Texts for a target to say, with the one property that matters to lookups: how much of them was said before.

use std::ops::Range;

/// Ids that texts are made of: so many that what is not meant to repeat does not.
pub(super) const VOCAB: u32 = 49152;
/// Tokens of a prompt.
const PROMPT: usize = 200;

/// What a stretch of text is like.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Share of the tokens that stand in quotes of what was said before.
    pub quotes: f64,
    /// Mean length of a quote.
    pub length: f64,
    /// Share of the tokens with which two or three earlier ones come again, but go on otherwise.
    pub echoes: f64,
    /// How much more often, or less, the draft model is right here.
    pub draft: f64,
}

impl Style {
    /// Nothing is said twice.
    pub fn prose() -> Self {
        Self { quotes: 0.0, length: 1.0, echoes: 0.1, draft: 1.0 }
    }

    /// An answer that quotes its prompt.
    pub fn quoting() -> Self {
        Self { quotes: 0.7, length: 14.0, echoes: 0.1, draft: 1.0 }
    }
}

/// A prompt, and what the target says to it.
#[derive(Debug, Clone, Default)]
pub struct Text {
    /// What is asked.
    pub prompt: Vec<u32>,
    /// What is answered.
    pub(super) said: Vec<u32>,
    /// [`Style::draft`] of each stretch of it.
    drafts: Vec<(Range<usize>, f64)>,
}

impl Text {
    /// An answer of stretches of so many tokens each.
    pub fn new(stretches: &[(Style, usize)], seed: u64) -> Self {
        let mut random = Random(seed);
        let mut all: Vec<u32> = (0..PROMPT).map(|_| random.below(VOCAB)).collect();
        let mut drafts = Vec::new();
        for (style, tokens) in stretches {
            let (begin, end) = (all.len(), all.len() + tokens);
            let quoted = style.quotes / style.length / (1.0 - style.quotes + style.quotes / style.length);
            while all.len() < end {
                let copied = if random.share() < quoted {
                    1 + (-random.share().ln() * style.length) as usize
                } else if random.share() < style.echoes / 2.5 {
                    2 + random.below(2) as usize
                } else {
                    0
                };
                let from = random.below((all.len() - copied.min(all.len() / 2)) as u32) as usize;
                (from..from + copied).for_each(|i| all.push(all[i]));
                all.push(random.below(VOCAB));
            }
            all.truncate(end);
            drafts.push((begin - PROMPT..end - PROMPT, style.draft));
        }
        let said = all.split_off(PROMPT);
        Self { prompt: all, said, drafts }
    }

    /// How much more often the draft is right at the answer's token `at`.
    pub(super) fn draft(&self, at: usize) -> f64 {
        self.drafts.iter().find(|(range, _)| range.contains(&at)).map_or(1.0, |(_, draft)| *draft)
    }
}

/// Random numbers (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Above 0, at most 1.
    pub fn share(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Less than `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end.max(1))) as u32
    }
}
