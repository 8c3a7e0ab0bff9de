//! Scripts: what is given and what is sampled of a text.

/// Temperatures of sampled answers, in turn: greedy text and sampled text both count.
pub(super) const TEMPERATURES: [f32; 4] = [0.0, 0.4, 0.7, 1.0];

/// A text in the making.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// Seed of its random numbers.
    pub seed: u64,
    /// The temperature that [`Part::Answer`] is sampled at.
    pub temperature: f32,
}

/// A part of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Given, and nothing to learn from: a prompt.
    Context(Vec<u32>),
    /// Given, and to be learnt: the answer of a fixed text.
    Text(Vec<u32>),
    /// The target's own invention at temperature 1, at most so many tokens: a question that it asks itself. A stop
    /// token ends it and stays.
    Question(usize),
    /// Sampled at the script's temperature, by the draft where there is one: at most so many tokens, ended by a stop
    /// token, which stays.
    Answer(usize),
}

impl Script {
    /// The answer to `prompt`.
    pub fn answer(prompt: Vec<u32>, max_tokens: usize, temperature: f32, seed: u64) -> Self {
        Self { parts: vec![Part::Context(prompt), Part::Answer(max_tokens)], seed, temperature }
    }

    /// A fixed text.
    pub fn fixed(prompt: Vec<u32>, text: Vec<u32>) -> Self {
        Self { parts: vec![Part::Context(prompt), Part::Text(text)], seed: 0, temperature: 1.0 }
    }

    /// Most tokens that it can become.
    pub fn longest(&self) -> usize {
        let longest = |part: &Part| match part {
            Part::Context(ids) | Part::Text(ids) => ids.len(),
            Part::Question(max) | Part::Answer(max) => *max,
        };
        self.parts.iter().map(longest).sum()
    }
}
