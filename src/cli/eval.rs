//! `paceline eval`: what a draft is worth.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use paceline::cpu;
use paceline::decode::Generator;
use paceline::learn::run::collect::{Prompt, Source, prompts};
use paceline::learn::run::eval::{
    Clock, Cost, Generation, Interval, Measured, Options, Report, Score, clock, cost, report,
    run as measure_all, score, size_ratio, task,
};
use paceline::learn::run::{Error, Target, drafts};
use paceline::load::{self, Device, LoadOptions};
use paceline::model::Draft;
use paceline::sampling::Sampling;
use paceline::text::Message;

use super::collect::open_target;
use super::model_files::ModelFiles;
use super::progress::Progress;
use super::tuning;

/// Measure a draft on the target's own answers: acceptance, block efficiency and cost, by task, with 95 % intervals.
///
/// Every figure is of exact speculative decoding's law; see the documentation of `learn::run::eval` for why one target pass a
/// token is enough.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file, or any file of a split one.
    #[arg(long, value_name = "FILE")]
    target: ModelFiles,
    /// The draft: a GGUF file. Given several times, all are measured on the same answers.
    #[arg(long, value_name = "FILE", required = true)]
    draft: Vec<ModelFiles>,
    /// Another draft to compare with, such as a run's `initial.gguf`.
    #[arg(long, value_name = "FILE")]
    baseline: Option<ModelFiles>,
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
    /// Also generate for so many of the prompts with the engine itself, plainly and with each draft, and compare the times.
    #[arg(long, value_name = "N")]
    wall_clock: Option<usize>,
    /// Files of texts that people wrote (or of prompts with answers): also say how well each draft itself predicts them,
    /// which is another thing than how much of it is accepted.
    #[arg(long, value_name = "FILE")]
    texts: Vec<PathBuf>,
    /// Where --wall-clock runs: webgpu, cpu or auto.
    #[arg(long, default_value = "cpu")]
    device: Device,
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
    baseline: Option<String>,
    prompts: usize,
    left_out: usize,
    gamma: usize,
    /// The drafts, then the baseline.
    drafts: Vec<One>,
}

/// A draft's figures.
#[derive(serde::Serialize)]
struct One {
    file: String,
    size_ratio: f64,
    cost: Cost,
    /// On the texts of `--texts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<OnTexts>,
    runs: Vec<Run>,
}

/// How well a draft predicts texts.
#[derive(serde::Serialize)]
struct OnTexts {
    tokens: usize,
    accuracy: f64,
    perplexity: f64,
}

impl From<&Score> for OnTexts {
    fn from(score: &Score) -> Self {
        Self { tokens: score.tokens, accuracy: score.accuracy(), perplexity: score.perplexity() }
    }
}

#[derive(serde::Serialize)]
struct Run {
    temperature: f32,
    #[serde(flatten)]
    report: Report,
    /// `tau` and the times under `cost` make this.
    predicted_speedup: f64,
    /// Measured, where `--wall-clock` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<Clock>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.gamma > 0, "--gamma must be at least 1");
    let target = open_target(&args.target, args.capacity)?;
    let capacity = args.capacity.min(target.model.config().context);
    let paths: Vec<&ModelFiles> = args.draft.iter().chain(&args.baseline).collect();
    let loaded =
        paths.iter().map(|files| load(files, &target, capacity)).collect::<anyhow::Result<Vec<_>>>()?;
    let drafts: Vec<&cpu::Draft> = loaded.iter().map(|(draft, _)| draft).collect();
    let prompts = choose(args)?;
    let scores = score_texts(args, &target, &drafts, capacity)?;
    let mut ones: Vec<One> = paths
        .iter()
        .zip(&loaded)
        .enumerate()
        .map(|(i, (path, (draft, description)))| One {
            file: path.display().to_string(),
            size_ratio: size_ratio(description, target.model.config()),
            cost: cost(&target.model, draft, args.gamma),
            texts: scores.get(i).map(OnTexts::from),
            runs: Vec::new(),
        })
        .collect();

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
        let baseline = args.baseline.as_ref().map(|_| of(args.draft.len()));
        for (i, one) in ones.iter_mut().enumerate() {
            let against = baseline.as_deref().filter(|_| i < args.draft.len());
            let report = report(&of(i), against, (args.gamma, one.size_ratio));
            let tau = report.rows.last().map_or(1.0, |row| row.tau.value);
            let clock =
                args.wall_clock.map(|count| measure_clock(args, paths[i], &prompts, count, temperature));
            let (clock, predicted_speedup) = (clock.transpose()?, one.cost.speedup(tau));
            one.runs.push(Run { temperature, report, predicted_speedup, clock });
        }
    }
    let output = Output {
        target: args.target.display().to_string(),
        baseline: args.baseline.as_ref().map(|path| path.display().to_string()),
        prompts: prompts.len() - left_out,
        left_out,
        gamma: args.gamma,
        drafts: ones,
    };
    if args.json { super::print_json(&output) } else { print(&output) }
}

/// Times of whole generations of `count` of the prompts, on the engine that `--device` names.
fn measure_clock(
    args: &Args,
    draft: &ModelFiles,
    prompts: &[Prompt],
    count: usize,
    temperature: f32,
) -> anyhow::Result<Clock> {
    let options = LoadOptions {
        device: args.device,
        capacity: Some(args.capacity),
        // As the figures in the drafts' cards were measured.
        threads: Some(1),
        tuning: if args.device == Device::Cpu { Default::default() } else { tuning::read() },
        ..LoadOptions::default()
    };
    let target = args.target.open().map_err(Error::from)?;
    let draft = draft.open().map_err(Error::from)?;
    let loaded = pollster::block_on(load::load_shards(target, Some(draft), &options))?;
    // Evenly from the whole list, so from every task.
    let step = prompts.len().div_ceil(count.max(1)).max(1);
    let mut questions = Vec::new();
    for prompt in prompts.iter().step_by(step) {
        let message = Message { role: "user".into(), content: prompt.question.clone() };
        let ids = loaded.chat_ids(&[message]).map_err(Error::from)?;
        if ids.len() + args.max_tokens < args.capacity {
            questions.push(ids);
        }
    }
    ensure!(!questions.is_empty(), "no prompt leaves room for an answer: raise --capacity");
    let generation = Generation {
        gamma: args.gamma,
        max_tokens: args.max_tokens,
        stop_ids: loaded.tokenizer.stop_ids().to_vec(),
        sampling: Sampling { temperature, seed: args.seed, ..Sampling::default() },
    };
    Ok(clock(&mut Generator::new(loaded.engine), &questions, &generation)?)
}

/// Scores on the texts of `--texts`; none where there are none.
fn score_texts(
    args: &Args,
    target: &Target,
    drafts: &[&cpu::Draft],
    capacity: usize,
) -> anyhow::Result<Vec<Score>> {
    if args.texts.is_empty() {
        return Ok(Vec::new());
    }
    let texts = prompts::read_all(&args.texts)?;
    let source = Source::fixed(target, &texts, capacity)?;
    let scripts: Vec<_> = (0..).map_while(|i| source.script(i)).collect();
    Ok(score(target, drafts, &scripts, capacity))
}

fn load(draft: &ModelFiles, target: &Target, capacity: usize) -> anyhow::Result<(cpu::Draft, Draft)> {
    let load = || -> Result<_, Error> {
        pollster::block_on(drafts::load_shards(draft.open()?, target, capacity)).map_err(Error::of_draft)
    };
    load().with_context(|| draft.display().to_string())
}

/// The prompts of the part, at most so many of each task.
fn choose(args: &Args) -> anyhow::Result<Vec<Prompt>> {
    let all = prompts::read_all(&args.prompts)?;
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
    let Output { gamma, prompts, left_out, .. } = output;
    writeln!(out, "{prompts} prompts ({left_out} without room left out), gamma {gamma}")?;
    let range = |i: &Interval| format!("{:.3} [{:.3}, {:.3}]", i.value, i.low, i.high);
    for One { file, size_ratio, cost, texts, runs } in &output.drafts {
        writeln!(
            out,
            "\n{file}: reads {:.1} % of the target's weights.\nA target pass takes {:.2} ms, over {} rows {:.2} ms; a \
             draft step {:.2} ms.",
            100.0 * size_ratio,
            cost.target_ms,
            gamma + 1,
            cost.verify_ms,
            cost.draft_ms
        )?;
        if let Some(OnTexts { tokens, accuracy, perplexity }) = texts {
            writeln!(
                out,
                "Of {tokens} tokens of the texts it finds {:.1} % most likely; perplexity {perplexity:.1}.",
                100.0 * accuracy
            )?;
        }
        for Run { temperature, report, predicted_speedup, clock } in runs {
            writeln!(out, "temperature {temperature}")?;
            writeln!(
                out,
                "  {:<16}{:>8}{:>8}  {:<23}{:>10}{:>8}  {:<23}{:>7}  tau over baseline",
                "task", "prompts", "tokens", "alpha_TF", "alpha_emp", "ceiling", "tau", "MBSU"
            )?;
            for row in &report.rows {
                writeln!(
                    out,
                    "  {:<16}{:>8}{:>8}  {:<23}{:>10.3}{:>8.3}  {:<23}{:>7.3}  {}",
                    row.task,
                    row.prompts,
                    row.tokens,
                    range(&row.alpha),
                    row.alpha_tested,
                    row.coverage,
                    range(&row.tau),
                    row.mbsu,
                    row.tau_over_baseline.as_ref().map_or("-".into(), range)
                )?;
            }
            writeln!(out, "  predicted from the times above: {predicted_speedup:.2}x plain decoding")?;
            if let Some(clock) = clock {
                writeln!(
                    out,
                    "  measured on {} prompts: {}x plain decoding ({:.1} against {:.1} tokens/s; alpha_emp {:.3}, tau {:.2})",
                    clock.prompts,
                    range(&clock.speedup),
                    clock.tokens_per_second,
                    clock.plain_tokens_per_second,
                    clock.alpha_emp,
                    clock.tau
                )?;
            }
        }
    }
    Ok(())
}
