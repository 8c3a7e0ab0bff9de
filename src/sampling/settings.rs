//! What the user sets.

use super::Error;
use super::limits::{MAX_BIAS, MAX_PENALTY_WINDOW};

/// Temperatures that `f32` can divide by without leaving its range.
const TEMPERATURES: std::ops::RangeInclusive<f32> = 1e-3..=1e3;

/// How tokens are sampled. It defines the target's law, and so what "without loss" means.
///
/// The default is greedy decoding, with nothing adjusted.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Divides the logits; 0 is greedy: the most likely token, always.
    pub temperature: f32,
    /// Keeps the k most likely tokens, and those that tie with the last of them; 0 is off.
    pub top_k: u32,
    /// Keeps the most likely tokens that together reach this share of what top-k left, and ties; 1 is off.
    pub top_p: f32,
    /// Keeps tokens that are at least this times as likely as the most likely one; 0 is off.
    pub min_p: f32,
    /// Divides positive logits of tokens in the history and multiplies negative ones (CTRL, arXiv 1909.05858); 1 is
    /// off.
    pub repeat_penalty: f32,
    /// Taken off the logit of a token in the history, once; 0 is off, less than 0 encourages.
    pub presence_penalty: f32,
    /// Taken off the logit of a token each time that it is in the history; 0 is off, less than 0 encourages.
    pub frequency_penalty: f32,
    /// How many of the last tokens are the history, prompt included; at most [`MAX_PENALTY_WINDOW`].
    pub penalty_window: u32,
    /// Added to the logits of these ids; at most [`MAX_BIAS`] of them, each once.
    pub logit_bias: Vec<(u32, f32)>,
    /// Key of the random numbers. Same seed, same device, same configuration: same text.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            penalty_window: 64,
            logit_bias: Vec::new(),
            seed: 0,
        }
    }
}

impl Sampling {
    /// Whether the most likely token is taken, always.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// Whether logits are changed before the softmax: [`super::adjust()`] does something.
    pub fn adjusts(&self) -> bool {
        !self.logit_bias.is_empty() || self.penalizes()
    }

    /// Whether the history changes logits.
    pub fn penalizes(&self) -> bool {
        self.penalty_window > 0
            && (self.repeat_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0)
    }

    /// Whether tokens are cut off: [`super::threshold()`] may be more than 1.
    pub fn truncates(&self) -> bool {
        self.top_k > 0 || self.top_p < 1.0 || self.min_p > 0.0
    }

    /// Checks everything, for a target that predicts ids below `vocab`.
    ///
    /// # Errors
    /// [`Error::Range`] for a number out of range or NaN; [`Error::TooManyBiases`], [`Error::BiasRange`] and
    /// [`Error::BiasTwice`] for [`logit_bias`](Self::logit_bias).
    pub fn validate(&self, vocab: usize) -> Result<(), Error> {
        let share = |value: f32| (0.0..=1.0).contains(&value);
        check("temperature", self.temperature, "0 for greedy decoding, or 0.001 to 1000", |t| {
            t == 0.0 || TEMPERATURES.contains(&t)
        })?;
        check("top_p", self.top_p, "0 to 1; 1 keeps every token", share)?;
        check("min_p", self.min_p, "0 to 1; 0 keeps every token", share)?;
        check("repeat_penalty", self.repeat_penalty, "0.001 to 1000; 1 is none", |r| {
            TEMPERATURES.contains(&r)
        })?;
        check("presence_penalty", self.presence_penalty, "finite; 0 is none", f32::is_finite)?;
        check("frequency_penalty", self.frequency_penalty, "finite; 0 is none", f32::is_finite)?;
        check("penalty_window", self.penalty_window as f32, "0 to 256 tokens", |_| {
            self.penalty_window <= MAX_PENALTY_WINDOW
        })?;
        self.validate_bias(vocab)
    }

    fn validate_bias(&self, vocab: usize) -> Result<(), Error> {
        if self.logit_bias.len() > MAX_BIAS {
            return Err(Error::TooManyBiases { entries: self.logit_bias.len() });
        }
        for (i, &(id, bias)) in self.logit_bias.iter().enumerate() {
            check("logit_bias", bias, "finite; -100 bans a token", f32::is_finite)?;
            if id as usize >= vocab {
                return Err(Error::BiasRange { id, vocab });
            }
            if self.logit_bias[..i].iter().any(|&(other, _)| other == id) {
                return Err(Error::BiasTwice { id });
            }
        }
        Ok(())
    }
}

fn check(
    parameter: &'static str,
    value: f32,
    allowed: &'static str,
    is_allowed: impl Fn(f32) -> bool,
) -> Result<(), Error> {
    if is_allowed(value) { Ok(()) } else { Err(Error::Range { parameter, value, allowed }) }
}
