//! SmolLM2-135M-Instruct against float32 transformers: 26 greedy runs, token by token.
//!
//! The reference was made once (`greedy_reference.json`: prompts, greedy ids, the three best log-probabilities of each
//! step). Ids must agree wherever the reference prefers its choice by at least `MARGIN`; below that, rounding decides.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use paceline::cpu::{Cache, Logits, Model};
use paceline::gguf::Stream;
use paceline::model;
use paceline::source::FileSource;

/// How far a log-probability may be from the reference's.
const TOLERANCE: f32 = 0.02;

fn load(capacity: usize) -> Model {
    let source = FileSource::open(&common::real_model()).unwrap();
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
    let runs = common::reference_runs();
    assert_eq!(runs.len(), 26);

    let model = load(1024);
    let (mut steps, mut binding, mut largest, mut total) = (0, 0, 0.0_f32, 0.0_f64);
    let mut open = Vec::new();
    for run in &runs {
        let mut cache = Cache::new(model.config(), 1024);
        let mut logits = model.forward(&mut cache, &run.prompt_ids, 0, Logits::Last);
        for (step, (id, top3)) in run.ids.iter().zip(&run.top3).enumerate() {
            let log_probs = log_softmax(&logits);
            for (id, expected) in top3 {
                let error = (log_probs[*id as usize] - expected).abs();
                assert!(error < TOLERANCE, "{} step {step}: {error}", run.question_id);
                largest = largest.max(error);
                total += f64::from(error);
            }
            let greedy = argmax(&logits);
            let decided = top3[0].1 - top3[1].1 >= common::MARGIN;
            assert!(greedy == *id || !decided, "{} step {step}: {greedy} for {id}", run.question_id);
            if greedy != *id {
                open.push((run.question_id, step, top3[0].1 - top3[1].1));
            }
            steps += 1;
            binding += usize::from(decided);
            // The reference's id, so that every later step is compared as well.
            let position = run.prompt_ids.len() + step;
            logits = model.forward(&mut cache, &[*id], position, Logits::Last);
        }
    }
    let mean = total / (3 * steps) as f64;
    println!("{steps} steps, {binding} binding, other ids in near-ties: {open:?}");
    println!("log-probabilities: largest error {largest:e}, mean {mean:e}");
}
