//! How much of a proposal is accepted: what is known from earlier prompts, and what this one has shown.

use serde::{Deserialize, Serialize};

/// Tokens of the longest proposal that is told apart.
const DEPTHS: usize = 15;
/// What is thought of a token before any was tested, and how many tests that is worth.
const GUESS: f64 = 0.5;
const GUESS_WEIGHT: f64 = 2.0;
/// How many tests of this prompt weigh as much as what is known from others.
const TRUST: f64 = 4.0;
/// What is remembered of earlier tests after another one: of all prompts, and of this one.
const MEMORY: f64 = 0.995;
const PROMPT_MEMORY: f64 = 0.96;
/// Nothing is certain.
const RANGE: std::ops::RangeInclusive<f64> = 0.005..=0.98;

/// A share of yes among tests, the latest of which count most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Share {
    yes: f64,
    tested: f64,
}

impl Share {
    fn add(&mut self, yes: f64, memory: f64) {
        self.yes = self.yes * memory + yes;
        self.tested = self.tested * memory + 1.0;
    }

    /// The share, where `guess` is worth `weight` tests.
    fn rate(&self, guess: f64, weight: f64) -> f64 {
        (self.yes + guess * weight) / (self.tested + weight)
    }

    fn is_sound(&self) -> bool {
        self.yes >= 0.0 && self.yes <= self.tested && self.tested <= 1.0 / (1.0 - MEMORY) + 1.0
    }
}

/// Tokens that a round commits whose proposed tokens are accepted with these chances, each where those before were.
fn expected(chances: impl Iterator<Item = f64>) -> f64 {
    chances
        .fold((1.0, 1.0), |(sum, all), chance| {
            let all = all * chance;
            (sum + all, all)
        })
        .0
}

/// Proposals of a draft, by depth: the chance of a token where those before it were accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ByDepth {
    depths: [Share; DEPTHS],
    /// How often it was right in this prompt, and how often that was to be expected.
    #[serde(skip)]
    right: f64,
    #[serde(skip)]
    thought: f64,
}

impl ByDepth {
    /// For a new prompt.
    pub(super) fn restart(&mut self) {
        (self.right, self.thought) = (0.0, 0.0);
    }

    /// Doubts what this prompt has shown: it may have changed.
    pub(super) fn doubt(&mut self) {
        (self.right, self.thought) = (0.8 * self.right, 0.8 * self.thought);
    }

    /// A round whose proposed tokens were kept with these chances, as far as they were tested.
    pub(super) fn observe(&mut self, tested: &[f64]) {
        let usual = self.usual();
        for (depth, kept) in tested.iter().enumerate().take(DEPTHS) {
            self.right = self.right * PROMPT_MEMORY + kept;
            self.thought = self.thought * PROMPT_MEMORY + usual[depth];
            self.depths[depth].add(*kept, MEMORY);
        }
    }

    /// Tokens that a round of `gamma` proposed ones is expected to commit.
    pub(super) fn tokens(&self, gamma: usize) -> f64 {
        // A prompt is easier or harder at all depths.
        let ease = (TRUST * GUESS + self.right) / (TRUST * GUESS + self.thought);
        let usual = self.usual().into_iter().take(gamma);
        expected(usual.map(|usual| (usual * ease).clamp(*RANGE.start(), *RANGE.end())))
    }

    /// What all prompts have shown. A depth that was not tested is thought of as the one before.
    fn usual(&self) -> [f64; DEPTHS] {
        let mut before = GUESS;
        self.depths.map(|share| {
            before = share.rate(before, GUESS_WEIGHT);
            before
        })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.depths.iter().all(Share::is_sound)
    }
}

/// Lookups, by the length of the match: a token behind a match of two is weak evidence, one behind ten is strong.
/// What a lookup would have said is known without asking the target, so this needs no rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ByMatch {
    usual: [Share; CLASSES.len()],
    #[serde(skip)]
    prompt: [Share; CLASSES.len()],
    /// Of all tokens of this prompt.
    #[serde(skip)]
    known: Share,
}

/// Least length of a match, and what is thought of it before any was tested.
const CLASSES: [(usize, f64); 5] = [(0, 0.35), (3, 0.45), (4, 0.55), (6, 0.7), (10, 0.8)];

impl ByMatch {
    /// For a new prompt.
    pub(super) fn restart(&mut self) {
        (self.prompt, self.known) = Default::default();
    }

    /// A token was known, or not.
    pub(super) fn note(&mut self, known: bool) {
        self.known.add(f64::from(u8::from(known)), PROMPT_MEMORY);
    }

    /// The share of tokens that are known.
    pub(super) fn share(&self) -> f64 {
        self.known.rate(0.0, TRUST)
    }

    /// A token behind a match of this length was right, or not.
    pub(super) fn observe(&mut self, length: usize, right: bool) {
        let (class, right) = (Self::class(length), f64::from(u8::from(right)));
        self.usual[class].add(right, MEMORY);
        self.prompt[class].add(right, PROMPT_MEMORY);
    }

    /// The chance of a token behind a match of this length.
    pub(super) fn chance(&self, length: usize) -> f64 {
        let class = Self::class(length);
        let usual = self.usual[class].rate(CLASSES[class].1, GUESS_WEIGHT);
        self.prompt[class].rate(usual, TRUST).clamp(*RANGE.start(), *RANGE.end())
    }

    /// The chance that all of `gamma` tokens behind it are right.
    pub(super) fn all(&self, length: usize, gamma: usize) -> f64 {
        (length..length + gamma).map(|length| self.chance(length)).product()
    }

    /// Tokens that a round of `gamma` tokens behind it is expected to commit.
    pub(super) fn tokens(&self, length: usize, gamma: usize) -> f64 {
        expected((length..length + gamma).map(|length| self.chance(length)))
    }

    fn class(length: usize) -> usize {
        CLASSES.iter().rposition(|(least, _)| *least <= length).unwrap_or(0)
    }

    pub(super) fn is_sound(&self) -> bool {
        self.usual.iter().all(Share::is_sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_the_closed_form() {
        let sum = expected([0.6; 4].into_iter());
        assert!((sum - (1.0 - 0.6f64.powi(5)) / 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_prompt_is_told_from_the_usual() {
        let mut draft = ByDepth::default();
        for i in 0..400 {
            draft.observe(if i % 2 == 0 { &[1.0, 0.0] } else { &[0.0] });
        }
        assert!((draft.tokens(1) - 1.5).abs() < 0.05 && draft.tokens(4) < 1.7, "{}", draft.tokens(4));
        draft.restart();
        (0..12).for_each(|_| draft.observe(&[0.0]));
        assert!(draft.tokens(1) < 1.2, "{}", draft.tokens(1));
        draft.restart();
        assert!(draft.tokens(1) > 1.4, "a hard prompt says little about the next: {}", draft.tokens(1));
    }

    #[test]
    fn longer_matches_are_believed_more() {
        let mut lookup = ByMatch::default();
        for _ in 0..50 {
            lookup.observe(2, false);
            lookup.observe(12, true);
        }
        assert!(lookup.chance(2) < 0.1 && lookup.chance(30) > 0.9);
        assert!(lookup.tokens(12, 8) > 7.0 && lookup.tokens(2, 8) < 1.2);
        assert!((lookup.all(12, 2) - lookup.chance(12).powi(2)).abs() < 1e-12);
    }
}
