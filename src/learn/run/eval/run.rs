//! All prompts, all drafts, several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::measure::{Measured, measure};
use super::report::task;
use super::text::{Answer, speak};
use crate::cpu::Draft;
use crate::learn::run::collect::Prompt;
use crate::learn::run::error::Error;
use crate::learn::run::target::Target;
use crate::model::Taps;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Tokens proposed a round.
    pub gamma: usize,
    /// Temperature of the target's answers.
    pub temperature: f32,
    /// Most tokens of an answer.
    pub max_tokens: usize,
    /// Most tokens of prompt and answer; longer prompts are left out.
    pub capacity: usize,
    /// Threads.
    pub threads: usize,
    /// Seed of the answers.
    pub seed: u64,
}

/// Measures `drafts` on the target's answers to `prompts`: for each prompt that fits, its task and a measurement a draft.
/// In the prompts' order, and the same whatever the number of threads. `progress` hears how many prompts are done.
///
/// # Errors
/// Those of the template and the tokenizer.
pub fn run(
    target: &Target,
    drafts: &[&Draft],
    prompts: &[Prompt],
    options: Options,
    mut progress: impl FnMut(usize),
) -> Result<Vec<(String, Vec<Measured>)>, Error> {
    let questions = prompts.iter().map(|prompt| {
        if prompt.question.is_empty() {
            target.tokenizer.encode(prompt.answer.as_deref().unwrap_or_default())
        } else {
            target.question(&prompt.question)
        }
    });
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<Vec<Measured>>> = vec![None; prompts.len()];
    std::thread::scope(|scope| {
        let (sender, finished) = mpsc::channel();
        for _ in 0..options.threads.max(1) {
            let (sender, next, questions) = (sender.clone(), &next, &questions);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(question) = questions.get(at) else { return };
                    let measured = one(target, drafts, question, options, at as u64);
                    if sender.send((at, measured)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (done, (at, measured)) in finished.into_iter().enumerate() {
            results[at] = measured;
            progress(done + 1);
        }
    });
    let named = prompts
        .iter()
        .zip(results)
        .filter_map(|(prompt, measured)| Some((task(&prompt.task).to_string(), measured?)));
    Ok(named.collect())
}

fn one(
    target: &Target,
    drafts: &[&Draft],
    question: &[u32],
    options: Options,
    prompt: u64,
) -> Option<Vec<Measured>> {
    let Options { gamma, temperature, max_tokens, capacity, seed, .. } = options;
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(prompt));
    let stop_ids = target.tokenizer.stop_ids();
    let taps = Taps::union(drafts.iter().filter_map(|draft| draft.taps()));
    let answer = Answer { stop_ids, max_tokens, capacity, temperature, taps };
    let text = speak(&target.model, question, &answer, &mut random)?;
    let seed = random.u64(..);
    // Each draft meets the same random numbers.
    let measure = |draft: &&Draft| measure(draft, &text, gamma, &mut fastrand::Rng::with_seed(seed));
    Some(drafts.iter().map(measure).collect())
}
