//! What the target says to a prompt, and what it thought meanwhile.

use crate::cpu::{Logits, Model, States, TargetReader};
use crate::sampling::argmax;

/// A prompt with the target's answer.
#[derive(Debug, Clone)]
pub struct Text {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// The target's hidden states at every position but the last.
    pub states: States,
    /// The target's distributions after the processing that sampling did: row `i` is about the token at `prompt + i`,
    /// `vocab` values each. At temperature 0 that of temperature 1, since a point would only be hit or missed.
    pub p: Vec<Vec<f32>>,
    /// The temperature of the answer.
    pub temperature: f32,
}

/// Lets the target answer: at most `max_tokens`, ended by a stop token, within `capacity` positions. `None` where the
/// prompt leaves no room.
pub fn speak(
    target: &Model,
    prompt: &[u32],
    stop_ids: &[u32],
    (max_tokens, capacity): (usize, usize),
    temperature: f32,
    random: &mut fastrand::Rng,
) -> Option<Text> {
    if prompt.is_empty() || prompt.len() + 1 >= capacity {
        return None;
    }
    let mut reader = TargetReader::new(target, capacity.min(prompt.len() + max_tokens + 1), true);
    reader.fill(&prompt[..prompt.len() - 1]);
    let (mut tokens, mut laws) = (prompt.to_vec(), Vec::new());
    while laws.len() < max_tokens && tokens.len() < capacity {
        let logits = reader.read(&tokens[tokens.len() - 1..], Logits::Last);
        let p = softmax(&logits, if temperature > 0.0 { temperature } else { 1.0 });
        let token = if temperature > 0.0 { draw(&p, random) } else { argmax(&logits) };
        laws.push(p);
        tokens.push(token);
        if stop_ids.contains(&token) {
            break;
        }
    }
    let states = reader.into_states()?;
    Some(Text { tokens, prompt: prompt.len(), states, p: laws, temperature })
}

/// `softmax(logits / temperature)`.
pub(super) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let (mut weights, total) = crate::learn::data::weights(logits, temperature);
    let scale = (1.0 / total) as f32;
    weights.iter_mut().for_each(|w| *w *= scale);
    weights
}

/// An id drawn from `p`.
fn draw(p: &[f32], random: &mut fastrand::Rng) -> u32 {
    let mut left = random.f64() * p.iter().map(|p| f64::from(*p)).sum::<f64>();
    let hit = p.iter().position(|p| {
        left -= f64::from(*p);
        left < 0.0
    });
    hit.unwrap_or_else(|| argmax(p) as usize) as u32
}
