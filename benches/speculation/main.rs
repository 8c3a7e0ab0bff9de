//! What speculation is worth with the real model, and what it costs to wait for the device:
//! `cargo bench --bench speculation [-- beside-plain | lookup | waiting]`. Variants that are compared take turns on the same prompts; all figures are ratios.
//!
//! Prompts come from `spec_bench_dev.jsonl` in `PACELINE_SHARED`, or in `../shared/data`.

mod beside_plain;
#[path = "../../tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::time::Instant;

use paceline::decode::{Event, Gamma, Generator, Options, Stats};
use paceline::drafters;
use paceline::load::{self, AnyEngine, Device, LoadOptions, Loaded};
use paceline::round::{Engine as _, Proposal, Rules};
use paceline::sampling::{Sampling, argmax};
use paceline::source::FileSource;
use paceline::text::Message;

type Failure = Box<dyn std::error::Error>;

/// Prompts of a row of the table, and their longest length in tokens.
const PROMPTS: usize = 5;
const LONGEST: usize = 700;
/// Tokens generated for each on the CPU engine, and on the GPU, which is a software adapter here.
const TOKENS: usize = 96;
const GPU_TOKENS: usize = 16;
/// Turns of the variants on the GPU.
const TURNS: usize = 3;

#[derive(serde::Deserialize)]
struct Question {
    category: String,
    turns: Vec<String>,
}

fn questions() -> Result<Vec<Question>, Failure> {
    let folder = std::env::var_os("PACELINE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = folder.join("spec_bench_dev.jsonl");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("{}: {e}; set PACELINE_SHARED to its folder", path.display()))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

async fn load(device: Device) -> Result<Loaded, Failure> {
    let source = FileSource::open(&common::real_model())?;
    let options = LoadOptions { device, capacity: Some(1024), ..LoadOptions::default() };
    Ok(load::load(source, None::<FileSource>, &options).await?)
}

/// The first prompts of these categories that are not too long, ready for the model.
fn prompts(loaded: &Loaded, questions: &[Question], categories: &[&str]) -> Result<Vec<Vec<u32>>, Failure> {
    let mut all = Vec::new();
    for category in categories {
        let of_it = questions.iter().filter(|q| q.category == *category);
        let mut ids = Vec::new();
        for question in of_it {
            let content = question.turns[0].clone();
            ids.push(loaded.chat_ids(&[Message { role: "user".into(), content }])?);
        }
        all.extend(ids.into_iter().filter(|ids| ids.len() <= LONGEST).take(PROMPTS));
    }
    Ok(all)
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

/// Plain decoding beside n-gram lookup, on prompts whose answers quote them and on others.
async fn lookup() -> Result<(), Failure> {
    let questions = questions()?;
    let loaded = load(Device::Cpu).await?;
    let rows = [
        ("quoting (summarization, rag)", &["summarization", "rag"][..]),
        ("others (writing, qa, humanities)", &["writing", "qa", "humanities"][..]),
    ];
    let prompts = rows.map(|(name, categories)| (name, prompts(&loaded, &questions, categories)));
    let mut generator = Generator::new(loaded.engine);
    println!("\nn-gram lookup beside plain decoding, CPU engine, {TOKENS} tokens, gamma auto");
    println!("{:<36}{:>8}{:>10}{:>12}{:>8}{:>8}", "", "T", "prompts", "speed", "tau", "alpha");
    for (name, prompts) in prompts {
        let prompts = prompts?;
        for temperature in [0.0, 0.7] {
            let (mut plain_ms, mut ms, mut passes, mut tokens) = (0.0, 0.0, 0, 0);
            let (mut accepted, mut tested) = (0, 0);
            for (i, prompt) in prompts.iter().enumerate() {
                for draft in ["none", "ngram"] {
                    let options = Options {
                        max_tokens: TOKENS,
                        gamma: Gamma::Auto,
                        drafter: drafters::by_name(draft)?,
                        rules: Rules {
                            sampling: Sampling { temperature, seed: i as u64, ..Sampling::default() },
                            ..Rules::default()
                        },
                        ..Options::default()
                    };
                    let stats = generate(&mut generator, prompt, options).await?;
                    let per_token = stats.decode_ms / stats.tokens as f64;
                    if draft == "none" {
                        plain_ms += per_token;
                    } else {
                        ms += per_token;
                        passes += stats.target_passes;
                        tokens += stats.tokens;
                        (accepted, tested) = (accepted + stats.accepted, tested + stats.tested);
                    }
                }
            }
            println!(
                "{name:<36}{temperature:>8}{:>10}{:>11.2}x{:>8.2}{:>8.2}",
                prompts.len(),
                plain_ms / ms,
                tokens as f64 / passes as f64,
                accepted as f64 / tested.max(1) as f64,
            );
        }
    }
    Ok(())
}

/// Milliseconds a token with one round in flight, with two, and where the host takes each token from the logits.
async fn waiting() -> Result<(), Failure> {
    let loaded = load(Device::WebGpu).await?;
    let content = "Why is the sky blue?".to_string();
    let prompt = loaded.chat_ids(&[Message { role: "user".into(), content }])?;
    let AnyEngine::Gpu(mut session) = loaded.engine.another()? else { return Err("not a GPU engine".into()) };
    let adapter = session.device().adapter();
    let mut generator = Generator::new(loaded.engine);
    let mut ms = [f64::INFINITY; 3];
    for _ in 0..TURNS {
        for (i, in_flight) in [1, 2].into_iter().enumerate() {
            let options =
                Options { max_tokens: GPU_TOKENS, in_flight: Some(in_flight), ..Options::default() };
            let stats = generate(&mut generator, &prompt, options).await?;
            ms[i] = ms[i].min(stats.decode_ms / stats.tokens as f64);
        }
        session.truncate(0).await?;
        session.append(&prompt).await?;
        let began = Instant::now();
        for _ in 0..GPU_TOKENS {
            session.round(Proposal::none()).await?;
            let logits: Vec<f32> = session.logits(1).await?.into_iter().map(f32::from_bits).collect();
            std::hint::black_box(argmax(&logits));
        }
        ms[2] = ms[2].min(began.elapsed().as_secs_f64() * 1000.0 / GPU_TOKENS as f64);
    }
    println!("\nwaiting for the device, plain decoding of {GPU_TOKENS} tokens, best of {TURNS}, {adapter}");
    let names = ["1 round in flight", "2 rounds in flight", "every token from logits on the host"];
    for (name, own) in names.into_iter().zip(ms) {
        println!("{name:<36}{:>8.2}x the time of 1 in flight", own / ms[0]);
    }
    Ok(())
}

/// All of them, or those named on the command line.
fn main() -> Result<(), Failure> {
    let named: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|other| other == name);
    pollster::block_on(async {
        if wanted("beside-plain") {
            beside_plain::beside_plain().await?;
        }
        if wanted("lookup") {
            lookup().await?;
        }
        if wanted("waiting") {
            waiting().await?;
        }
        Ok(())
    })
}
