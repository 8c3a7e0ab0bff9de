//! What passes cost on this machine's CPU engine, from which the speed-up of rounds follows.

use web_time::Instant;

use crate::cpu::{Draft, DraftReader, Logits, Model, States, TargetReader};
use crate::round::Memory;

/// Times of passes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Cost {
    /// A target pass over one row, in ms.
    pub target_ms: f64,
    /// Over `gamma + 1` rows, in ms.
    pub verify_ms: f64,
    /// A draft step, in ms.
    pub draft_ms: f64,
    /// Tokens proposed a round.
    pub gamma: usize,
}

impl Cost {
    /// How much faster than plain decoding rounds of `tau` tokens are: predicted from these times, not measured.
    pub fn speedup(&self, tau: f64) -> f64 {
        tau * self.target_ms / (self.gamma as f64 * self.draft_ms + self.verify_ms)
    }
}

/// Times passes over a context of a few hundred positions, the least of several.
pub fn cost(target: &Model, draft: &Draft, gamma: usize) -> Cost {
    const CONTEXT: usize = 128;
    const REPEATS: usize = 8;
    let least = |pass: &mut dyn FnMut()| {
        let time = |_| {
            let began = Instant::now();
            pass();
            began.elapsed().as_secs_f64() * 1000.0
        };
        (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
    };
    let tokens: Vec<u32> = (0..CONTEXT as u32 + 32).map(|i| i % target.config().vocab as u32).collect();
    let mut reader = TargetReader::new(target, tokens.len(), None);
    reader.fill(&tokens[..CONTEXT]);
    let mut rows = |count: usize| {
        least(&mut || {
            reader.truncate(CONTEXT);
            drop(reader.read(&tokens[CONTEXT..CONTEXT + count], Logits::All));
        })
    };
    let (target_ms, verify_ms) = (rows(1), rows(gamma.min(31) + 1));
    let states = draft.taps().map(|taps| {
        let mut states = States::new(taps.clone());
        states.extend(&vec![0.1; tokens.len() * taps.width()]);
        states
    });
    let mut reader = DraftReader::new(draft, tokens.len());
    reader.fill(&tokens[..CONTEXT], states.as_ref());
    let draft_ms = least(&mut || {
        reader.truncate(CONTEXT);
        drop(reader.catch_up(&tokens[..=CONTEXT], states.as_ref(), Logits::Last));
    });
    Cost { target_ms, verify_ms, draft_ms, gamma }
}
