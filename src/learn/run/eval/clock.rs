//! Wall-clock: whole generations of the real engine, with and without its draft, by turns.

use super::bootstrap::{Interval, interval};
use crate::decode::{Event, Gamma, Generator, Options};
use crate::drafters;
use crate::learn::run::error::Error;
use crate::load::AnyEngine;
use crate::round::Rules;
use crate::sampling::Sampling;

/// What speculation does to the time of a token.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Clock {
    /// Prompts.
    pub prompts: usize,
    /// Tokens a second of plain decoding, prompts not counted.
    pub plain_tokens_per_second: f64,
    /// The same with the draft.
    pub tokens_per_second: f64,
    /// Their ratio, with its interval over prompts.
    pub speedup: Interval,
    /// Accepted tokens over those that were put to the test.
    pub alpha_emp: f64,
    /// Tokens a target pass.
    pub tau: f64,
}

/// How to generate.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Tokens proposed a round.
    pub gamma: usize,
    /// Most tokens of an answer.
    pub max_tokens: usize,
    /// Ids that end an answer.
    pub stop_ids: Vec<u32>,
    /// The target's law.
    pub sampling: Sampling,
}

/// Answers `prompts` twice each, plainly and with the loaded draft, and compares the times of a token.
///
/// # Errors
/// Those of the engine.
pub fn clock(
    generator: &mut Generator<AnyEngine>,
    prompts: &[Vec<u32>],
    generation: &Generation,
) -> Result<Clock, Error> {
    // Tokens and ms of [plain, speculative] answers.
    let mut times: Vec<[(f64, f64); 2]> = Vec::new();
    let (mut accepted, mut tested, mut passes) = (0, 0, 0);
    for (i, prompt) in prompts.iter().enumerate() {
        let mut pair = [(0.0, 0.0); 2];
        for turn in 0..2 {
            // Who goes first alternates, so that a machine that warms up favours neither.
            let speculative = (turn + i) % 2;
            let options = Options {
                max_tokens: generation.max_tokens,
                gamma: Gamma::Fixed(generation.gamma),
                drafter: drafters::by_name(["none", "model"][speculative])?,
                rules: Rules {
                    sampling: generation.sampling.clone(),
                    stop_ids: generation.stop_ids.clone(),
                    ..Rules::default()
                },
                ..Options::default()
            };
            generator.start(prompt, options)?;
            while !matches!(pollster::block_on(generator.step())?, Event::Finished(_)) {}
            let stats = generator.stats();
            pair[speculative] = (stats.tokens as f64, stats.decode_ms);
            if speculative == 1 {
                accepted += stats.accepted;
                tested += stats.tested;
                passes += stats.target_passes;
            }
        }
        times.push(pair);
    }
    let speed = |of: &[usize], which: usize| {
        let sum = |f: fn(&(f64, f64)) -> f64| of.iter().map(|i| f(&times[*i][which])).sum::<f64>();
        1000.0 * sum(|t| t.0) / sum(|t| t.1)
    };
    let all: Vec<usize> = (0..times.len()).collect();
    Ok(Clock {
        prompts: times.len(),
        plain_tokens_per_second: speed(&all, 0),
        tokens_per_second: speed(&all, 1),
        speedup: interval(times.len(), 1, |of| speed(of, 1) / speed(of, 0)),
        alpha_emp: accepted as f64 / f64::from(u32::max(tested as u32, 1)),
        tau: times.iter().map(|pair| pair[1].0).sum::<f64>() / f64::from(u32::max(passes as u32, 1)),
    })
}
