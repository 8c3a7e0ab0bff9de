//! What the target says to a prompt, and what it thought meanwhile.

use crate::cpu::{Cache, Logits, Model};
use crate::learn::core::sample::weights;
use crate::sampling::argmax;

/// A prompt with the target's answer.
#[derive(Debug, Clone)]
pub struct Text {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// The target's hidden states at every position but the last, `width` values each.
    pub hidden: Vec<f32>,
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
    let mut cache = Cache::new(target.config(), capacity.min(prompt.len() + max_tokens + 1));
    let last = prompt.len() - 1;
    let read = target.forward_hidden(&mut cache, &prompt[..last], 0, Logits::States);
    let mut text = Text {
        tokens: prompt.to_vec(),
        prompt: prompt.len(),
        hidden: read.hidden,
        p: Vec::new(),
        temperature,
    };
    while text.p.len() < max_tokens && text.tokens.len() < capacity {
        let at = text.tokens.len() - 1;
        let output = target.forward_hidden(&mut cache, &text.tokens[at..], at, Logits::Last);
        text.hidden.extend(output.hidden);
        let p = softmax(&output.logits, if temperature > 0.0 { temperature } else { 1.0 });
        let token = if temperature > 0.0 { draw(&p, random) } else { argmax(&output.logits) };
        text.p.push(p);
        text.tokens.push(token);
        if stop_ids.contains(&token) {
            break;
        }
    }
    Some(text)
}

/// The states one position before each of `from..=to`: zeros before the first. `hidden` are the states at every position,
/// `width` values each.
pub(super) fn states_before(hidden: &[f32], width: usize, from: usize, to: usize) -> Vec<f32> {
    let mut states = if from == 0 { vec![0.0; width] } else { Vec::new() };
    states.extend_from_slice(&hidden[from.saturating_sub(1) * width..to * width]);
    states
}

/// `softmax(logits / temperature)`.
pub(super) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let (mut weights, total) = weights(logits, temperature);
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
