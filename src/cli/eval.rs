//! `paceline eval`: what a draft is worth.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use paceline::Error;
use paceline::cpu;
use paceline::learn::Target;
use paceline::learn::data::{Prompt, prompts};
use paceline::learn::draft::file;
use paceline::learn::eval::{
    Cost, Interval, Measured, Options, Report, cost, report, run as measure_all, size_ratio, task,
};
use paceline::model::Draft;
use paceline::source::FileSource;

use super::progress::Progress;

/// Measure a draft on the target's own answers: acceptance, block efficiency and cost, by task, with 95 % intervals.
///
/// Every figure is of exact speculative decoding's law; see the documentation of `learn::eval` for why one target pass a
/// token is enough.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file.
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// The draft: a GGUF file.
    #[arg(long, value_name = "FILE")]
    draft: PathBuf,
    /// Another draft to compare with, such as a run's `initial.gguf`.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Files of prompts: `.jsonl`, or plain text with passages between empty lines.
    #[arg(long, value_name = "FILE", required = true)]
    prompts: Vec<PathBuf>,
    /// Most prompts of a task [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Which part of the prompts, such as `0/2` for the even ones.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    part: Part,
    /// Tokens proposed a round.
    #[arg(long, value_name = "G", default_value_t = 4)]
    gamma: usize,
    /// Temperatures of the target's answers.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = [0.0, 1.0])]
    temperature: Vec<f32>,
    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_tokens: usize,
    /// Most tokens of prompt and answer; longer prompts are left out.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    capacity: usize,
    /// Threads.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Seed of the answers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// One of several equal parts.
#[derive(Debug, Clone, Copy)]
struct Part {
    index: usize,
    of: usize,
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            _ => Err("a part is I/N with I below N, such as 0/2".into()),
        }
    }
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Output {
    target: String,
    draft: String,
    baseline: Option<String>,
    prompts: usize,
    left_out: usize,
    gamma: usize,
    size_ratio: f64,
    cost: Cost,
    runs: Vec<Run>,
}

#[derive(serde::Serialize)]
struct Run {
    temperature: f32,
    draft: Report,
    baseline: Option<Report>,
    /// `tau` and the times under `cost` make this; it is not a measured wall-clock ratio.
    predicted_speedup: f64,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.gamma > 0, "--gamma must be at least 1");
    let target = pollster::block_on(Target::open(&args.target, args.capacity))
        .with_context(|| format!("{}", args.target.display()))?;
    let capacity = args.capacity.min(target.model.config().context);
    let (draft, description) = load(&args.draft, &target, capacity)?;
    let baseline = args.baseline.as_deref().map(|path| load(path, &target, capacity)).transpose()?;
    let prompts = choose(args)?;
    let size_ratio = size_ratio(&description, target.model.config());
    let drafts: Vec<&cpu::Draft> =
        std::iter::once(&draft).chain(baseline.as_ref().map(|(draft, _)| draft)).collect();
    let cost = cost(&target.model, &draft, args.gamma);

    let mut runs = Vec::new();
    let mut left_out = 0;
    for &temperature in &args.temperature {
        let bar = Progress::of_steps("prompts", prompts.len());
        bar.say(format!("at temperature {temperature}"));
        let options = Options {
            gamma: args.gamma,
            temperature,
            max_tokens: args.max_tokens,
            capacity,
            threads: args.threads,
            seed: args.seed,
        };
        let measured = measure_all(&target, &drafts, &prompts, options, |done| bar.reach(done))?;
        ensure!(!measured.is_empty(), "no prompt leaves room for an answer within {capacity} tokens");
        left_out = prompts.len() - measured.len();
        let of = |i: usize| -> Vec<(String, Measured)> {
            measured.iter().map(|(task, measured)| (task.clone(), measured[i])).collect()
        };
        let other = baseline.as_ref().map(|_| of(1));
        let draft = report(&of(0), other.as_deref(), (args.gamma, size_ratio));
        let tau = draft.rows.last().map_or(1.0, |row| row.tau.value);
        runs.push(Run {
            temperature,
            draft,
            baseline: other.map(|other| report(&other, None, (args.gamma, size_ratio))),
            predicted_speedup: cost.speedup(tau),
        });
    }
    let name = |path: &Path| path.display().to_string();
    let output = Output {
        target: name(&args.target),
        draft: name(&args.draft),
        baseline: args.baseline.as_deref().map(name),
        prompts: prompts.len() - left_out,
        left_out,
        gamma: args.gamma,
        size_ratio,
        cost,
        runs,
    };
    if args.json { super::print_json(&output) } else { print(&output) }
}

fn load(path: &Path, target: &Target, capacity: usize) -> anyhow::Result<(cpu::Draft, Draft)> {
    let load = || -> Result<_, Error> {
        let source = FileSource::open(path)?;
        pollster::block_on(file::load(source, target, capacity)).map_err(Error::of_draft)
    };
    load().with_context(|| path.display().to_string())
}

/// The prompts of the part, at most so many of each task.
fn choose(args: &Args) -> anyhow::Result<Vec<Prompt>> {
    let all = prompts::read_all(&args.prompts).map_err(Error::from)?;
    let part = all.into_iter().enumerate().filter(|(i, _)| i % args.part.of == args.part.index);
    let mut counts = std::collections::HashMap::<String, usize>::new();
    let chosen: Vec<Prompt> = part
        .map(|(_, prompt)| prompt)
        .filter(|prompt| {
            let count = counts.entry(task(&prompt.task).into()).or_default();
            *count += 1;
            args.limit.is_none_or(|limit| *count <= limit)
        })
        .collect();
    ensure!(!chosen.is_empty(), "no prompts are left");
    Ok(chosen)
}

fn print(output: &Output) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let Output { gamma, size_ratio, cost, prompts, left_out, .. } = output;
    writeln!(
        out,
        "{prompts} prompts ({left_out} without room left out), gamma {gamma}; the draft reads {:.1} % of the target's \
         weights.\nA target pass takes {:.2} ms, over {} rows {:.2} ms; a draft step {:.2} ms.",
        100.0 * size_ratio,
        cost.target_ms,
        gamma + 1,
        cost.verify_ms,
        cost.draft_ms
    )?;
    let range = |i: &Interval| format!("{:.3} [{:.3}, {:.3}]", i.value, i.low, i.high);
    for run in &output.runs {
        writeln!(out, "\ntemperature {}", run.temperature)?;
        writeln!(
            out,
            "  {:<16}{:>8}{:>8}  {:<23}{:>8}  {:<23}{:>7}  tau over baseline",
            "task", "prompts", "tokens", "alpha", "ceiling", "tau", "MBSU"
        )?;
        for row in &run.draft.rows {
            writeln!(
                out,
                "  {:<16}{:>8}{:>8}  {:<23}{:>8.3}  {:<23}{:>7.3}  {}",
                row.task,
                row.prompts,
                row.tokens,
                range(&row.alpha),
                row.coverage,
                range(&row.tau),
                row.mbsu,
                row.tau_over_baseline.as_ref().map_or("-".into(), range)
            )?;
        }
        writeln!(
            out,
            "  predicted on this CPU from the times above: {:.2}x plain decoding",
            run.predicted_speedup
        )?;
    }
    Ok(())
}
