//! SmolLM2-135M-Instruct on WebGPU against float32 transformers, and with a drafter against itself.
//!
//! A software adapter takes half a second a token, so the four shortest prompts run by default and all 26 with
//! `PACELINE_RUNS=all` (half an hour).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::common;

use paceline::decode::{Event, Generator, Options};
use paceline::drafters;
use paceline::load::{self, AnyEngine, Device, LoadOptions};
use paceline::round::Rules;
use paceline::source::FileSource;

fn generate(
    generator: &mut Generator<AnyEngine>,
    prompt: &[u32],
    drafter: &str,
    stop_ids: &[u32],
) -> Vec<u32> {
    let options = Options {
        max_tokens: 64,
        rules: Rules { stop_ids: stop_ids.to_vec(), ..Rules::default() },
        drafter: drafters::by_name(drafter).unwrap(),
        ..Options::default()
    };
    generator.start(prompt, options).unwrap();
    let mut ids = Vec::new();
    loop {
        match pollster::block_on(generator.step()).unwrap() {
            Event::Tokens { tokens, .. } => ids.extend(tokens),
            Event::Finished(_) => return ids,
            _ => {}
        }
    }
}

#[test]
fn greedy_ids_are_the_float32_reference_and_drafting_changes_none() {
    let mut runs = common::reference_runs();
    if std::env::var("PACELINE_RUNS").as_deref() != Ok("all") {
        runs.sort_by_key(|run| run.prompt_ids.len());
        runs.truncate(4);
    }
    let source = FileSource::open(&common::real_model()).unwrap();
    let options = LoadOptions { device: Device::WebGpu, capacity: Some(1024), ..LoadOptions::default() };
    let loaded = pollster::block_on(load::load(source, None::<FileSource>, &options)).unwrap();
    let stop_ids = loaded.tokenizer.stop_ids().to_vec();
    let mut generator = Generator::new(loaded.engine);
    for (i, run) in runs.iter().enumerate() {
        let ids = generate(&mut generator, &run.prompt_ids, "none", &stop_ids);
        let certain = run.certain_steps();
        assert_eq!(ids[..certain.min(ids.len())], run.ids[..certain], "question {}", run.question_id);
        println!("question {}: {certain} of {} steps are certain and equal", run.question_id, run.ids.len());
        if i == 0 {
            let drafted = generate(&mut generator, &run.prompt_ids, "ngram", &stop_ids);
            assert_eq!(drafted, ids, "question {} with the n-gram drafter", run.question_id);
        }
    }
}
