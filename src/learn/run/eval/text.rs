//! What the target says to a prompt, and what it thought meanwhile.

use crate::cpu::{Logits, Model, States, TargetReader};
use crate::learn::core::sample::weights;
use crate::learn::run::draw::draw;
use crate::model::Taps;
use crate::round::Memory;
use crate::sampling::argmax;

/// A prompt with the target's answer.
#[derive(Debug, Clone)]
pub struct Text {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// The target's states at every position but the last, where they are kept.
    pub states: Option<States>,
    /// The target's distributions after the processing that sampling did: row `i` is about the token at `prompt + i`,
    /// `vocab` values each. At temperature 0 that of temperature 1, since a point would only be hit or missed.
    pub p: Vec<Vec<f32>>,
    /// The temperature of the answer.
    pub temperature: f32,
}

/// How the target answers.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// Tokens that end an answer.
    pub stop_ids: &'a [u32],
    /// Most tokens of it.
    pub max_tokens: usize,
    /// Most tokens of prompt and answer.
    pub capacity: usize,
    /// The temperature.
    pub temperature: f32,
    /// Which of its states are kept, if any.
    pub taps: Option<Taps>,
}

/// Lets the target answer. `None` where the prompt leaves no room.
pub fn speak(
    target: &Model,
    prompt: &[u32],
    answer: &Answer<'_>,
    random: &mut fastrand::Rng,
) -> Option<Text> {
    let Answer { stop_ids, max_tokens, capacity, temperature, .. } = *answer;
    if prompt.is_empty() || prompt.len() + 1 >= capacity {
        return None;
    }
    let room = capacity.min(prompt.len() + max_tokens + 1);
    let mut reader = TargetReader::new(target, room, answer.taps.clone());
    reader.fill(&prompt[..prompt.len() - 1]);
    let (mut tokens, mut laws) = (prompt.to_vec(), Vec::new());
    while laws.len() < max_tokens && tokens.len() < capacity {
        let logits = reader.read(&tokens[reader.len()..], Logits::Last);
        let p = softmax(&logits, if temperature > 0.0 { temperature } else { 1.0 });
        let token = if temperature > 0.0 {
            let total = p.iter().map(|p| f64::from(*p)).sum();
            draw(&p, total, random).unwrap_or_else(|| argmax(&p))
        } else {
            argmax(&logits)
        };
        laws.push(p);
        tokens.push(token);
        if stop_ids.contains(&token) {
            break;
        }
    }
    Some(Text { tokens, prompt: prompt.len(), states: reader.into_states(), p: laws, temperature })
}

/// `softmax(logits / temperature)`.
pub(super) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let (mut weights, total) = weights(logits, temperature);
    let scale = (1.0 / total) as f32;
    weights.iter_mut().for_each(|w| *w *= scale);
    weights
}
