//! SmolLM2-135M-Instruct against float32 transformers: 26 greedy runs, token by token.
//!
//! The reference was made once (`greedy_reference.json`: prompts, greedy ids, the three best log-probabilities of each
//! step). Ids must agree wherever the reference prefers its choice by at least [`MARGIN`]; below that, rounding decides.

use std::path::{Path, PathBuf};

use paceline::cpu::{Cache, Logits, Model};
use paceline::gguf::Stream;
use paceline::model;
use paceline::source::FileSource;

/// Log-probability by which the best id must lead for its choice to be binding.
const MARGIN: f32 = 0.02;
/// How far a log-probability may be from the reference's.
const TOLERANCE: f32 = 0.02;

#[derive(serde::Deserialize)]
struct Reference {
    runs: Vec<Run>,
}

#[derive(serde::Deserialize)]
struct Run {
    question_id: u32,
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    top3: Vec<Vec<(u32, f32)>>,
}

fn model_path() -> PathBuf {
    std::env::var_os("PACELINE_MODEL").map(PathBuf::from).unwrap_or_else(|| {
        let cache = dirs::cache_dir().unwrap_or_default();
        cache.join("paceline/SmolLM2-135M-Instruct.Q4_1.gguf")
    })
}

fn shared_path() -> PathBuf {
    std::env::var_os("PACELINE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"))
}

fn missing(path: &Path, error: impl std::fmt::Display) -> ! {
    panic!("{}: {error}; `cargo xtask setup` fetches what the tests need", path.display())
}

fn load(capacity: usize) -> Model {
    let path = model_path();
    let source = FileSource::open(&path).unwrap_or_else(|e| missing(&path, e));
    pollster::block_on(async {
        let mut stream = Stream::open(source).await.unwrap();
        let description = model::Model::describe(stream.header()).unwrap();
        Model::load(&mut stream, &description, capacity).await.unwrap()
    })
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from(x - max).exp()).sum();
    logits.iter().map(|x| (f64::from(x - max) - sum.ln()) as f32).collect()
}

fn argmax(x: &[f32]) -> u32 {
    // The first of equals.
    x.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i as u32)
}

#[test]
fn greedy_ids_are_the_float32_reference() {
    let path = shared_path().join("greedy_reference.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| missing(&path, e));
    let reference: Reference = serde_json::from_str(&text).unwrap();
    assert_eq!(reference.runs.len(), 26);

    let model = load(1024);
    let (mut steps, mut binding, mut largest, mut total) = (0, 0, 0.0_f32, 0.0_f64);
    let mut open = Vec::new();
    for run in &reference.runs {
        let mut cache = Cache::new(model.config(), 1024);
        let mut logits = model.forward(&mut cache, &run.prompt_ids, 0, Logits::Last);
        let mut position = run.prompt_ids.len();
        for (step, (id, top3)) in run.ids.iter().zip(&run.top3).enumerate() {
            let log_probs = log_softmax(&logits);
            for (id, expected) in top3 {
                let error = (log_probs[*id as usize] - expected).abs();
                assert!(error < TOLERANCE, "{} step {step}: {error}", run.question_id);
                largest = largest.max(error);
                total += f64::from(error);
            }
            let greedy = argmax(&logits);
            let decided = top3[0].1 - top3[1].1 >= MARGIN;
            assert!(greedy == *id || !decided, "{} step {step}: {greedy} for {id}", run.question_id);
            if greedy != *id {
                open.push((run.question_id, step, top3[0].1 - top3[1].1));
            }
            steps += 1;
            binding += usize::from(decided);
            // The reference's id, so that every later step is compared as well.
            logits = model.forward(&mut cache, &[*id], position, Logits::Last);
            position += 1;
        }
    }
    let mean = total / (3 * steps) as f64;
    println!("{steps} steps, {binding} binding, other ids in near-ties: {open:?}");
    println!("log-probabilities: largest error {largest:e}, mean {mean:e}");
}
