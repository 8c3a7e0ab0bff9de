//! Ways to propose and to verify beside one another: the same prompts, the same number of rows a pass, by turns, on the engine
//! itself.

mod picture;
mod ways;

use std::ops::AddAssign;

pub use picture::picture;
pub use ways::{Way, usual_shapes, ways};

use super::error::Error;
use super::eval::{Interval, interval};
use crate::decode::{Event, Generator, Options, Stats};
use crate::round::{Engine, MAX_ROWS, Rules};

/// What a way did with a prompt, or with several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    tokens: usize,
    rounds: usize,
    drafted: usize,
    draft_ms: f64,
    verify_ms: f64,
    decode_ms: f64,
    /// Rounds that accepted at least so many tokens.
    reached: [usize; MAX_ROWS],
    /// Prompts whose text was another than plain decoding's.
    others: usize,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.rounds += other.rounds;
        self.drafted += other.drafted;
        self.draft_ms += other.draft_ms;
        self.verify_ms += other.verify_ms;
        self.decode_ms += other.decode_ms;
        self.reached.iter_mut().zip(other.reached).for_each(|(sum, more)| *sum += more);
        self.others += other.others;
    }
}

impl Sums {
    fn tau(&self) -> f64 {
        self.tokens as f64 / self.rounds as f64
    }

    fn tokens_per_second(&self) -> f64 {
        1000.0 * self.tokens as f64 / self.decode_ms
    }
}

/// A way's figures over all prompts. Intervals are over prompts; ratios are of the same resamples.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Who proposes.
    pub drafter: String,
    /// Who verifies.
    pub verifier: &'static str,
    /// Generated tokens.
    pub tokens: usize,
    /// Rounds.
    pub rounds: usize,
    /// Rows of a target pass in the mean: the proposal's and one.
    pub rows: f64,
    /// Tokens a target pass.
    pub tau: Interval,
    /// That over the way's whose proposals are the draft's chains; `None` where there are no such.
    pub tau_over_chain: Option<Interval>,
    /// Of the rounds that kept `d` tokens, those that kept another: by `d`, as long as any did.
    pub kept_at: Vec<f64>,
    /// Time of a round's drafting in ms.
    pub draft_ms: f64,
    /// Of its verifying.
    pub verify_ms: f64,
    /// Generated tokens a second, prompts not counted.
    pub tokens_per_second: f64,
    /// That over plain decoding's.
    pub speedup: Interval,
    /// At temperature 0: prompts whose text was not plain decoding's, token for token.
    pub other_texts: Option<usize>,
}

/// How to generate.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The target's law and what ends an answer. Each way brings its own verifier.
    pub rules: Rules,
    /// Most tokens of an answer.
    pub max_tokens: usize,
}

/// Answers every prompt in every way, and says what came of it. The first way is plain decoding. `tell` is called with the prompts
/// that are done.
///
/// # Errors
/// Those of the engine.
pub fn compare<E: Engine>(
    generator: &mut Generator<E>,
    prompts: &[Vec<u32>],
    ways: &[Way],
    generation: &Generation,
    tell: impl Fn(usize),
) -> Result<Vec<Figures>, Error>
where
    crate::Error: From<E::Error>,
{
    let greedy = generation.rules.sampling.is_greedy();
    let mut sums: Vec<Vec<Sums>> = vec![Vec::new(); ways.len()];
    for (done, prompt) in prompts.iter().enumerate() {
        let mut answers = vec![(Sums::default(), Vec::new()); ways.len()];
        for turn in 0..ways.len() {
            // Who goes first changes, so that a machine that warms up favours nobody.
            let which = (turn + done) % ways.len();
            answers[which] = answer(generator, prompt, &ways[which], generation)?;
        }
        let plain = answers[0].1.clone();
        for (sums, (mut sum, text)) in sums.iter_mut().zip(answers) {
            sum.others = usize::from(text != plain);
            sums.push(sum);
        }
        tell(done + 1);
    }
    let total = |which: usize, of: &[usize]| {
        let mut total = Sums::default();
        of.iter().for_each(|i| total += sums[which][*i]);
        total
    };
    let chain = ways.iter().position(|way| way.is_chain());
    let all: Vec<usize> = (0..prompts.len()).collect();
    let figures = ways.iter().enumerate().map(|(which, way)| {
        let sum = total(which, &all);
        let of = |value: &dyn Fn(&[usize]) -> f64| interval(prompts.len(), 1, value);
        let rounds = sum.rounds as f64;
        let kept = sum.reached.windows(2).take_while(|reached| reached[1] > 0);
        Figures {
            drafter: way.drafter.clone(),
            verifier: way.verifier.map_or("greedy", |verifier| verifier.name),
            tokens: sum.tokens,
            rounds: sum.rounds,
            rows: 1.0 + sum.drafted as f64 / rounds,
            tau: of(&|of| total(which, of).tau()),
            tau_over_chain: chain.map(|chain| of(&|of| total(which, of).tau() / total(chain, of).tau())),
            kept_at: kept.map(|reached| reached[1] as f64 / reached[0] as f64).collect(),
            draft_ms: sum.draft_ms / rounds,
            verify_ms: sum.verify_ms / rounds,
            tokens_per_second: sum.tokens_per_second(),
            speedup: of(&|of| total(which, of).tokens_per_second() / total(0, of).tokens_per_second()),
            other_texts: greedy.then_some(sum.others),
        }
    });
    Ok(figures.collect())
}

/// An answer, and what it took.
fn answer<E: Engine>(
    generator: &mut Generator<E>,
    prompt: &[u32],
    way: &Way,
    generation: &Generation,
) -> Result<(Sums, Vec<u32>), Error>
where
    crate::Error: From<E::Error>,
{
    let mut rules = generation.rules.clone();
    if let Some(verifier) = way.verifier {
        rules.verifier = verifier;
    }
    let options = Options {
        max_tokens: generation.max_tokens,
        gamma: way.gamma,
        drafter: (way.make)(),
        rules,
        ..Options::default()
    };
    let engine = |error| Error::Engine(crate::Error::from(error));
    generator.start(prompt, options).map_err(|error| Error::Engine(error.into()))?;
    let mut reached = [0; MAX_ROWS];
    loop {
        match pollster::block_on(generator.step()).map_err(engine)? {
            Event::Tokens { accepted, .. } => reached[..=accepted].iter_mut().for_each(|count| *count += 1),
            Event::Finished(_) => break,
            Event::Prefill { .. } => {}
        }
    }
    let Stats { tokens, rounds, drafted, draft_ms, verify_ms, decode_ms, .. } = generator.stats();
    let sums = Sums { tokens, rounds, drafted, draft_ms, verify_ms, decode_ms, reached, others: 0 };
    Ok((sums, generator.generated().to_vec()))
}
