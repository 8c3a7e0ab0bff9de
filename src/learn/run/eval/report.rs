//! Measurements by task, with intervals.

use std::collections::BTreeMap;

use super::bootstrap::{Interval, interval};
use super::measure::Measured;
use crate::learn::core::draft::Shape;
use crate::model::{Config, Draft, Role, Wanted};

/// One task's line of a report.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// The task; `all` for every prompt together, `mean` for the mean of the tasks.
    pub task: String,
    /// Prompts.
    pub prompts: usize,
    /// Tokens of the target's answers.
    pub tokens: usize,
    /// Acceptance under teacher forcing.
    pub alpha: Interval,
    /// Acceptance of the tokens that were put to the test.
    pub alpha_tested: f64,
    /// The target's mass of ids that the draft can say.
    pub coverage: f64,
    /// Tokens a target pass.
    pub tau: Interval,
    /// `tau / (gamma * parameters of the draft / parameters of the target + 1)`.
    pub mbsu: f64,
    /// `tau` over that of the baseline on the same prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau_over_baseline: Option<Interval>,
}

/// A draft's report.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// One a task, then `all`.
    pub rows: Vec<Row>,
}

/// The tasks of Spec-Bench that are categories of MT-bench.
const MT_BENCH: [&str; 8] =
    ["writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"];

/// The task of a prompt of `category`: MT-bench's categories are one task, as Spec-Bench counts.
pub fn task(category: &str) -> &str {
    match category {
        "" => "prompts",
        category if MT_BENCH.contains(&category) => "mt-bench",
        category => category,
    }
}

/// Weights that a draft reads for a token, over those that a model of the target's configuration does: layers and head,
/// whosever they are, without the embedding's lookup.
pub fn size_ratio(draft: &Draft, target: &Config) -> f64 {
    let body = |wanted: Vec<Wanted>| -> usize {
        let outside =
            |role: Role| matches!(role, Role::TokenEmbedding | Role::Output) || role.is_rope_factor();
        let body = wanted.iter().filter(|tensor| !outside(tensor.slot.role));
        body.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
    };
    let ours = body(draft.wanted()) + draft.config.width * draft.config.head_vocab;
    let whole = Shape::of_target(target).draft(target, None);
    ours as f64 / (body(whole.wanted()) + target.width * target.head_vocab) as f64
}

/// Makes a report of measurements, each with its task; `size_ratio` is the draft's parameters over the target's, and
/// `baseline` are another draft's on the same prompts.
pub fn report(
    measured: &[(String, Measured)],
    baseline: Option<&[(String, Measured)]>,
    (gamma, size_ratio): (usize, f64),
) -> Report {
    let mut tasks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, (task, _)) in measured.iter().enumerate() {
        tasks.entry(task).or_default().push(i);
    }
    let all: Vec<usize> = (0..measured.len()).collect();
    let row = |task: &str, prompts: &[usize]| {
        let total = |of: &[usize], from: &[(String, Measured)]| {
            let mut total = Measured::default();
            of.iter().for_each(|i| total += from[prompts[*i]].1);
            total
        };
        let of = |value: fn(&Measured) -> f64| {
            interval(prompts.len(), 1, |resample| value(&total(resample, measured)))
        };
        let whole: Vec<usize> = (0..prompts.len()).collect();
        let sum = total(&whole, measured);
        Row {
            task: task.into(),
            prompts: prompts.len(),
            tokens: sum.tokens,
            alpha: of(Measured::alpha),
            alpha_tested: sum.alpha_tested(),
            coverage: sum.coverage(),
            tau: of(Measured::tau),
            mbsu: sum.tau() / (size_ratio * gamma as f64 + 1.0),
            tau_over_baseline: baseline.map(|baseline| {
                interval(prompts.len(), 1, |resample| {
                    total(resample, measured).tau() / total(resample, baseline).tau()
                })
            }),
        }
    };
    let mut rows: Vec<Row> = tasks.iter().map(|(task, prompts)| row(task, prompts)).collect();
    rows.push(row("all", &all));
    Report { rows }
}
