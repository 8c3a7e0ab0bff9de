//! What a GPU makes of speculation: `cargo xtask bench --gpu`, or `cargo bench --bench gpu -- --help`.
//!
//! Plain decoding, the default, and every drafter with several gammas take turns on the same prompts; the page
//! `bench.html` does the same in a browser. Ratios are those of runs of one prompt in one round.

use std::path::PathBuf;

use clap::Parser;
use paceline::decode::{Event, Gamma, Generator, Options, Stats};
use paceline::drafters;
use paceline::load::{self, AnyEngine, Device, LoadOptions};
use paceline::round::Engine as _;
use paceline::source::FileSource;
use paceline::text::Message;

#[path = "../tests/common/mod.rs"]
mod common;

type Failure = Box<dyn std::error::Error>;

/// Drafters, with the gammas that each is tried with.
const DRAFTERS: [&str; 3] = ["ngram", "model", "ngram+model"];
const GAMMAS: [Gamma; 6] =
    [Gamma::Fixed(1), Gamma::Fixed(2), Gamma::Fixed(3), Gamma::Fixed(4), Gamma::Fixed(8), Gamma::Auto];
/// What is decoded when nobody says how.
const DEFAULT: (&str, Gamma) = ("ngram+model", Gamma::Auto);
/// Tokens of each way before it counts: kernels are made and clocks are up then.
const WARM_UP: usize = 8;
/// Lengths of the texts whose reading is timed, in tokens.
const READINGS: [usize; 3] = [64, 256, 768];
/// One to invent, one to answer, one to quote.
const PROMPTS: [&str; 3] = [
    "Write a short story about a lighthouse keeper who finds a letter in a bottle.",
    "Explain to a curious ten-year-old how the Moon causes the tides in the sea.",
    "Repeat this text, then say it in one sentence: The tide comes in twice a day and goes out twice a day. When the \
     tide comes in, the boats float. When the tide goes out, the boats lie on the sand.",
];

/// Speculation on this machine's GPU, beside plain decoding.
#[derive(Parser)]
struct Args {
    /// The target [default: the model of `cargo xtask setup`].
    #[arg(long)]
    target: Option<PathBuf>,
    /// Its draft.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/models/SmolLM2-135M-Instruct.draft.gguf"))]
    draft: PathBuf,
    /// Rounds; each decodes one prompt in every way.
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Tokens of an answer.
    #[arg(long, default_value_t = 96)]
    tokens: usize,
    /// Takes a software adapter too: whether it works, not how fast.
    #[arg(long)]
    software: bool,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A way to decode, and what came of it in each round.
struct Way {
    name: String,
    drafter: &'static str,
    gamma: Gamma,
    stats: Vec<Stats>,
    same: bool,
}

impl Way {
    fn new(name: String, drafter: &'static str, gamma: Gamma) -> Self {
        Self { name, drafter, gamma, stats: Vec::new(), same: true }
    }

    fn all(most: usize) -> Vec<Self> {
        let possible = |gamma: &Gamma| !matches!(gamma, Gamma::Fixed(gamma) if *gamma > most);
        let mut ways = vec![
            Self::new("plain".into(), "none", Gamma::Default),
            Self::new("default".into(), DEFAULT.0, DEFAULT.1),
        ];
        for drafter in DRAFTERS {
            ways.extend(GAMMAS.into_iter().filter(possible).map(|gamma| {
                let ahead = if let Gamma::Fixed(gamma) = gamma { gamma.to_string() } else { "auto".into() };
                Self::new(format!("{drafter} {ahead}"), drafter, gamma)
            }));
        }
        ways
    }

    fn options(&self, max_tokens: usize) -> Result<Options, Failure> {
        let drafter = drafters::by_name(self.drafter)?;
        Ok(Options { max_tokens, gamma: self.gamma, drafter, ..Options::default() })
    }

    fn sum(&self, of: impl Fn(&Stats) -> f64) -> f64 {
        self.stats.iter().map(of).sum()
    }
}

/// A way's figures: ratios are over plain decoding, times in ms a round.
#[derive(serde::Serialize)]
struct Row {
    name: String,
    tokens_per_second: f64,
    /// Geometric mean, least, most.
    speed: [f64; 3],
    tokens_per_pass: f64,
    draft_ms: f64,
    verify_ms: f64,
    /// `verify_ms` over that of plain decoding.
    verify_ratio: f64,
    host_ms: f64,
    round_ms: f64,
    /// Whether every text was that of plain decoding.
    same: bool,
}

impl Row {
    fn of(way: &Way, plain: &Way) -> Self {
        let a_round = |way: &Way, of: fn(&Stats) -> f64| way.sum(of) / way.sum(|s| s.rounds as f64);
        let speeds = way.stats.iter().zip(&plain.stats);
        let ratios: Vec<f64> = speeds.map(|(a, b)| a.tokens_per_second / b.tokens_per_second).collect();
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        let tokens = way.sum(|s| s.tokens as f64);
        Self {
            name: way.name.clone(),
            tokens_per_second: tokens * 1000.0 / way.sum(|s| s.decode_ms),
            speed: [
                mean,
                ratios.iter().copied().fold(f64::INFINITY, f64::min),
                ratios.iter().copied().fold(0.0, f64::max),
            ],
            tokens_per_pass: tokens / way.sum(|s| s.target_passes as f64),
            draft_ms: a_round(way, |s| s.draft_ms),
            verify_ms: a_round(way, |s| s.verify_ms),
            verify_ratio: a_round(way, |s| s.verify_ms) / a_round(plain, |s| s.verify_ms),
            host_ms: a_round(way, |s| s.host_ms),
            round_ms: a_round(way, |s| s.decode_ms),
            same: way.same,
        }
    }
}

/// A text that was read: its tokens, and the median time.
#[derive(serde::Serialize)]
struct Reading {
    tokens: usize,
    ms: f64,
}

#[derive(serde::Serialize)]
struct Report {
    adapter: String,
    rounds: usize,
    tokens: usize,
    rows: Vec<Row>,
    readings: Vec<Reading>,
    /// Most memory that the process had, in MB, where the system tells.
    host_mb: Option<f64>,
}

async fn generate(
    generator: &mut Generator<AnyEngine>,
    prompt: &[u32],
    options: Options,
) -> Result<Stats, Failure> {
    generator.start(prompt, options)?;
    while !matches!(generator.step().await?, Event::Finished(_)) {}
    Ok(generator.stats())
}

async fn measure(args: &Args) -> Result<Report, Failure> {
    let target = FileSource::open(&args.target.clone().unwrap_or_else(common::real_model))?;
    let draft = FileSource::open(&args.draft)?;
    let options = LoadOptions { device: Device::WebGpu, ..LoadOptions::default() };
    let loaded = load::load(target, Some(draft), &options).await?;
    let info = loaded.engine.info();
    if info.software && !args.software {
        return Err(format!("there is no GPU here, only {}; --software takes that", info.adapter).into());
    }
    let mut prompts = Vec::new();
    for prompt in PROMPTS {
        let message = Message { role: "user".into(), content: prompt.into() };
        prompts.push(loaded.chat_ids(&[message])?);
    }
    let adapter = info.adapter;
    let capacity = loaded.engine.capacity();
    let mut ways = Way::all(loaded.engine.max_proposal());
    let mut generator = Generator::new(loaded.engine);
    for way in &ways {
        generate(&mut generator, &prompts[0], way.options(WARM_UP)?).await?;
    }
    let mut readings: Vec<(usize, Vec<f64>)> =
        READINGS.into_iter().filter(|&tokens| tokens < capacity).map(|tokens| (tokens, Vec::new())).collect();
    for round in 0..args.rounds {
        let prompt = &prompts[round % prompts.len()];
        let mut order: Vec<usize> = (0..ways.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        let mut texts = vec![Vec::new(); ways.len()];
        for i in order {
            eprint!("\rround {} of {}: {:<20}", round + 1, args.rounds, ways[i].name);
            let stats = generate(&mut generator, prompt, ways[i].options(args.tokens)?).await?;
            ways[i].stats.push(stats);
            texts[i] = generator.generated().to_vec();
        }
        for (way, text) in ways.iter_mut().zip(&texts) {
            way.same &= *text == texts[0];
        }
        for (tokens, times) in &mut readings {
            // Ids that no other text begins with, so that nothing of it is in the cache.
            let first = 1000 + 17 * (round * READINGS.len() + times.len() + *tokens) as u32;
            let text: Vec<u32> = (0..*tokens as u32).map(|i| first + i * 7 % 501).collect();
            let stats =
                generate(&mut generator, &text, Options { max_tokens: 1, ..Options::default() }).await?;
            times.push(stats.prefill_ms);
        }
    }
    eprintln!();
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(Report {
        adapter,
        rounds: args.rounds,
        tokens: args.tokens,
        rows: ways.iter().map(|way| Row::of(way, &ways[0])).collect(),
        readings: readings.into_iter().map(|(tokens, times)| Reading { tokens, ms: median(times) }).collect(),
        host_mb: host_mb(),
    })
}

/// Most memory that this process had, as Linux counts it.
fn host_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1000.0)
}

fn print(report: &Report) {
    println!("\n{}, {} rounds of {} tokens", report.adapter, report.rounds, report.tokens);
    println!(
        "{:<18}{:>8}{:>9}{:>14}{:>9}{:>9}{:>9}{:>9}{:>8}{:>9}  text",
        "", "tok/s", "speed", "range", "a pass", "draft", "verify", "/ plain", "host", "round"
    );
    for row in &report.rows {
        let [mean, least, most] = row.speed;
        println!(
            "{:<18}{:>8.1}{mean:>8.2}x{:>14}{:>9.2}{:>9.2}{:>9.2}{:>9.2}{:>8.2}{:>9.2}  {}",
            row.name,
            row.tokens_per_second,
            format!("{least:.2}..{most:.2}"),
            row.tokens_per_pass,
            row.draft_ms,
            row.verify_ms,
            row.verify_ratio,
            row.host_ms,
            row.round_ms,
            if row.same { "same" } else { "DIFFERS" },
        );
    }
    println!(
        "\nSpeeds are over plain decoding of the same prompt; draft, verify, host and round are ms a round."
    );
    for Reading { tokens, ms } in &report.readings {
        println!("{tokens} prompt tokens in {ms:.1} ms: {:.0} tokens/s", *tokens as f64 * 1000.0 / ms);
    }
    if let Some(mb) = report.host_mb {
        println!("{mb:.0} MB of the host's memory at most");
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let report = pollster::block_on(measure(&args))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    if let Some(row) = report.rows.iter().find(|row| !row.same) {
        return Err(format!("{} gave another text than plain decoding", row.name).into());
    }
    Ok(())
}
