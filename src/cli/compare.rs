//! `paceline compare`: drafters and verifiers beside one another.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use paceline::decode::Generator;
use paceline::learn::run::collect::prompts;
use paceline::learn::run::compare::{Figures, Generation, compare, picture, usual_shapes, ways};
use paceline::learn::run::eval::Interval;
use paceline::load::{self, Device, LoadOptions, Loaded};
use paceline::round::{MAX_ROWS, Rules, Shape};
use paceline::sampling::Sampling;
use paceline::text::Message;

use super::model_files::ModelFiles;
use super::progress::Progress;
use super::tuning;

/// Compare ways to propose and to verify on the same prompts, at the same number of rows a pass of the target.
///
/// Every prompt is answered in every way, by turns: tokens a pass, how many proposals are kept at each depth, times. At
/// temperature 0 all texts must be plain decoding's; those that are not are counted, and the exit code is 1.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file, or any file of a split one.
    #[arg(long, value_name = "FILE")]
    target: ModelFiles,
    /// The draft: a GGUF file. Without one, what needs none is compared.
    #[arg(long, value_name = "FILE")]
    draft: Option<ModelFiles>,
    /// Files of prompts: `.jsonl`, or plain text with passages between empty lines.
    #[arg(long, value_name = "FILE", required = true)]
    prompts: Vec<PathBuf>,
    /// Most prompts, evenly from all [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Rows of a pass of the target: one more than the tokens of a proposal. Several, with commas, are compared one after the other.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = [8])]
    rows: Vec<usize>,
    /// Shapes of the draft's trees, as of `generate --tree` [default: what fills the rows].
    #[arg(long, value_name = "SHAPE")]
    tree: Vec<Shape>,
    /// Temperatures.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = [0.0, 1.0])]
    temperature: Vec<f32>,
    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_tokens: usize,
    /// Most tokens of prompt and answer; longer prompts are left out.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    capacity: usize,
    /// Where to run: webgpu, cpu or auto. Trees are compared where the device verifies them.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Threads on the CPU.
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,
    /// Seed of the sampled answers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also draw the last comparison there, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Output {
    target: String,
    draft: Option<String>,
    device: &'static str,
    adapter: String,
    prompts: usize,
    left_out: usize,
    comparisons: Vec<Comparison>,
}

/// All ways at a temperature and a number of rows.
#[derive(serde::Serialize)]
struct Comparison {
    temperature: f32,
    rows: usize,
    ways: Vec<Figures>,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    for rows in &args.rows {
        ensure!((2..=MAX_ROWS).contains(rows), "--rows {rows}: a pass has 2 to {MAX_ROWS} rows");
    }
    let loaded = load(args).await?;
    let (prompts, left_out) = questions(args, &loaded)?;
    let stop_ids = loaded.tokenizer.stop_ids().to_vec();
    let mut generator = Generator::new(loaded.engine);
    let mut comparisons = Vec::new();
    for &temperature in &args.temperature {
        let sampling = Sampling { temperature, seed: args.seed, ..Sampling::default() };
        let rules = Rules { sampling, stop_ids: stop_ids.clone(), ..Rules::default() };
        let generation = Generation { rules, max_tokens: args.max_tokens };
        for &rows in &args.rows {
            let usual = usual_shapes(rows - 1);
            let shapes = if args.tree.is_empty() { &usual } else { &args.tree };
            let ways = ways(generator.engine(), rows, shapes, temperature == 0.0);
            let bar = Progress::of_steps("prompts", prompts.len());
            bar.say(format!("{} ways at temperature {temperature}, {rows} rows", ways.len()));
            let ways = compare(&mut generator, &prompts, &ways, &generation, |done| bar.reach(done))?;
            comparisons.push(Comparison { temperature, rows, ways });
        }
    }
    if let (Some(path), Some(last)) = (&args.svg, comparisons.last()) {
        let title = format!(
            "Tokens a pass of at most {} rows, temperature {}, {} prompts",
            last.rows,
            last.temperature,
            prompts.len()
        );
        let svg = picture(&title, &last.ways).map_err(anyhow::Error::msg)?;
        std::fs::write(path, svg).with_context(|| path.display().to_string())?;
    }
    let info = paceline::round::Engine::info(generator.engine());
    let output = Output {
        target: args.target.display().to_string(),
        draft: args.draft.as_ref().map(|path| path.display().to_string()),
        device: info.device,
        adapter: info.adapter,
        prompts: prompts.len(),
        left_out,
        comparisons,
    };
    if args.json { super::print_json(&output) } else { print(&output) }?;
    let ways = output.comparisons.iter().flat_map(|comparison| &comparison.ways);
    let others: usize = ways.filter_map(|way| way.other_texts).sum();
    ensure!(
        others == 0,
        "{others} greedy texts were not those of plain decoding: this is a defect, please report it"
    );
    Ok(())
}

async fn load(args: &Args) -> anyhow::Result<Loaded> {
    let options = LoadOptions {
        device: args.device,
        capacity: Some(args.capacity),
        threads: Some(args.threads.get()),
        tuning: if args.device == Device::Cpu { Default::default() } else { tuning::read() },
        ..LoadOptions::default()
    };
    let target = args.target.open().map_err(paceline::Error::from)?;
    let draft = args.draft.as_ref().map(|files| files.open()).transpose().map_err(paceline::Error::from)?;
    let mut loaded = load::load_shards(target, draft, &options).await?;
    loaded.compile(&options, |_, _| true).await?;
    Ok(loaded)
}

/// The prompts' ids, and how many are left out because they leave no room.
fn questions(args: &Args, loaded: &Loaded) -> anyhow::Result<(Vec<Vec<u32>>, usize)> {
    let all = prompts::read_all(&args.prompts)?;
    let step = args.limit.map_or(1, |limit| all.len().div_ceil(limit.get()));
    let (mut questions, mut left_out) = (Vec::new(), 0);
    for prompt in all.iter().step_by(step) {
        // A passage of plain text is what is said to it.
        let said =
            if prompt.question.is_empty() { prompt.answer.clone() } else { Some(prompt.question.clone()) };
        let message = Message { role: "user".into(), content: said.unwrap_or_default() };
        let ids = loaded.chat_ids(&[message]).map_err(paceline::Error::from)?;
        match ids.len() + args.max_tokens < args.capacity {
            true => questions.push(ids),
            false => left_out += 1,
        }
    }
    ensure!(!questions.is_empty(), "no prompt leaves room for an answer: raise --capacity");
    Ok((questions, left_out))
}

fn print(output: &Output) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let Output { prompts, left_out, device, adapter, .. } = output;
    writeln!(out, "{prompts} prompts ({left_out} without room left out) on {device} ({adapter})")?;
    let range = |i: &Interval| format!("{:.2} [{:.2}, {:.2}]", i.value, i.low, i.high);
    for Comparison { temperature, rows, ways } in &output.comparisons {
        writeln!(out, "\ntemperature {temperature}, at most {rows} rows a pass")?;
        writeln!(
            out,
            "  {:<22}{:<9}{:>5}  {:<19}{:<19}{:>9}{:>10}{:>10}  {:<19}{:<28}",
            "drafter",
            "verifier",
            "rows",
            "tau",
            "over the chain",
            "draft ms",
            "verify ms",
            "tokens/s",
            "speed over plain",
            "kept at depth"
        )?;
        for way in ways {
            let kept: Vec<String> = way.kept_at.iter().map(|kept| format!("{kept:.2}")).collect();
            writeln!(
                out,
                "  {:<22}{:<9}{:>5.1}  {:<19}{:<19}{:>9.2}{:>10.2}{:>10.1}  {:<19}{}",
                way.drafter,
                way.verifier,
                way.rows,
                range(&way.tau),
                way.tau_over_chain.as_ref().map_or("-".into(), range),
                way.draft_ms,
                way.verify_ms,
                way.tokens_per_second,
                range(&way.speedup),
                kept.join(" ")
            )?;
            if let Some(others @ 1..) = way.other_texts {
                writeln!(out, "    {others} of its texts are not those of plain decoding")?;
            }
        }
    }
    Ok(())
}
