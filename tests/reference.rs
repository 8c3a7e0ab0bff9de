//! SmolLM2-135M-Instruct against float32 transformers: 26 greedy runs, token by token.
//!
//! The reference was made once (`greedy_reference.json`: prompts, greedy ids, the three best log-probabilities of each
//! step). Ids must agree wherever the reference prefers its choice by at least `MARGIN`; below that, rounding decides.

use crate::common;

use paceline::cpu::{Cache, Logits, Model};
use paceline::gguf::Stream;
use paceline::model;
use paceline::source::FileSource;

/// How far a log-probability may be from the reference's.
const TOLERANCE: f32 = 0.02;

fn load(capacity: usize) -> Model {
    let source = FileSource::open(&common::real_model()).expect("a file that can be read");
    pollster::block_on(async {
        let mut stream = Stream::open(source).await.expect("a GGUF file");
        let description = model::Model::describe(stream.header()).expect("a model we know");
        Model::load(&mut stream, &description, capacity).await.expect("a whole file")
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
    let vocab = model.config().head_vocab;
    let (mut steps, mut binding, mut largest, mut total) = (0, 0, 0.0_f32, 0.0_f64);
    let mut open = Vec::new();
    for run in &runs {
        // All steps in one pass over the reference's ids, so that a near-tie does not end the comparison.
        let mut cache = Cache::new(model.config(), 1024);
        let mut logits = model.forward(&mut cache, &run.prompt_ids, 0, Logits::Last);
        let ids = &run.ids[..run.ids.len() - 1];
        logits.extend(model.forward(&mut cache, ids, run.prompt_ids.len(), Logits::All));
        let rows = logits.chunks_exact(vocab).zip(&run.ids).zip(&run.top3);
        for (step, ((logits, id), top3)) in rows.enumerate() {
            let log_probs = log_softmax(logits);
            for (id, expected) in top3 {
                let error = (log_probs[*id as usize] - expected).abs();
                assert!(error < TOLERANCE, "{} step {step}: {error}", run.question_id);
                largest = largest.max(error);
                total += f64::from(error);
            }
            let (greedy, margin) = (argmax(logits), top3[0].1 - top3[1].1);
            assert!(
                greedy == *id || margin < common::MARGIN,
                "{} step {step}: {greedy} for {id}",
                run.question_id
            );
            if greedy != *id {
                open.push((run.question_id, step, margin));
            }
            steps += 1;
            binding += usize::from(margin >= common::MARGIN);
        }
    }
    let mean = total / (3 * steps) as f64;
    println!("{steps} steps, {binding} binding, other ids in near-ties: {open:?}");
    println!("log-probabilities: largest error {largest:e}, mean {mean:e}");
}

#[test]
fn a_row_of_the_real_model_does_not_depend_on_the_others() {
    let runs = common::reference_runs();
    let model = load(1024);
    let run = &runs[0];
    let tokens: Vec<u32> = run.prompt_ids.iter().chain(&run.ids).copied().collect();
    let mut cache = Cache::new(model.config(), 1024);
    let mut alone = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        alone.extend(model.forward(&mut cache, &[*token], position, Logits::Last));
    }
    for rows in [5, 8, tokens.len()] {
        let mut cache = Cache::new(model.config(), 1024);
        let mut together = Vec::new();
        for (chunk, tokens) in tokens.chunks(rows).enumerate() {
            together.extend(model.forward(&mut cache, tokens, chunk * rows, Logits::All));
        }
        assert!(together == alone, "{rows} rows at a time");
    }
}
