//! Log-probabilities of generated tokens: those of the target's law, whoever proposed the tokens, on both engines.

use std::rc::Rc;

use paceline::cpu::{self, Logits};
use paceline::decode::{Event, Gamma, Generator, Options};
use paceline::drafters;
use paceline::gguf::Stream;
use paceline::gpu::{self, DeviceOptions, Variant};
use paceline::model::{Model, tiny::Tiny};
use paceline::round::{Engine, Rules};
use paceline::sampling::{Sampling, log_probability};

const CAPACITY: usize = 128;
const PROMPT: [u32; 4] = [5, 6, 7, 8];

fn file() -> Vec<u8> {
    Tiny { layers: 3, ..Tiny::default() }.gguf()
}

async fn load(file: &[u8]) -> cpu::Model {
    let mut stream = Stream::open(file).await.expect("a header");
    let model = Model::describe(stream.header()).expect("a model");
    cpu::Model::load(&mut stream, &model, CAPACITY).await.expect("weights")
}

/// Ids of a generation and their log-probabilities.
async fn generate<E: Engine>(generator: &mut Generator<E>, options: Options) -> Vec<(u32, f32)> {
    generator.start(&PROMPT, options).expect("a prompt that fits");
    let mut all = Vec::new();
    loop {
        match generator.step().await.expect("a step") {
            Event::Tokens { tokens, logprobs, .. } => {
                assert_eq!(tokens.len(), logprobs.len());
                all.extend(tokens.into_iter().zip(logprobs));
            }
            Event::Prefill { .. } => {}
            Event::Finished(_) => return all,
        }
    }
}

/// Generates with and without a draft, greedily and not, and compares with the CPU's law of each prefix.
async fn check<E: Engine>(engine: E, tolerance: f32) {
    let oracle = load(&file()).await;
    let mut generator = Generator::new(engine);
    for temperature in [0.0, 0.7] {
        for name in ["none", "model"] {
            let options = |logprobs| Options {
                max_tokens: 24,
                drafter: drafters::by_name(name).expect("a drafter"),
                gamma: Gamma::Fixed(4),
                rules: Rules {
                    sampling: Sampling { temperature, top_k: 20, seed: 3, ..Sampling::default() },
                    logprobs,
                    ..Rules::default()
                },
                ..Options::default()
            };
            let mut context = PROMPT.to_vec();
            for (id, found) in generate(&mut generator, options(true)).await {
                let mut cache = cpu::Cache::new(oracle.config(), CAPACITY);
                let logits = oracle.forward(&mut cache, &context, 0, Logits::Last);
                let expected = log_probability(&logits, id, temperature);
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{name} at {temperature}: {found}, not {expected}"
                );
                assert!(found < 0.0);
                context.push(id);
            }
            assert_eq!(context.len(), PROMPT.len() + 24);
        }
    }
}

#[test]
fn on_the_cpu() {
    pollster::block_on(async {
        let target = load(&file()).await;
        let draft = cpu::Draft::plain(load(&file()).await);
        check(cpu::Session::new(Rc::new(target), Some(Rc::new(draft)), CAPACITY), 0.0).await;
    });
}

#[test]
fn on_the_gpu() {
    pollster::block_on(async {
        let device =
            gpu::Device::open(DeviceOptions::default()).await.expect("a WebGPU device: cargo xtask setup");
        let load = async || {
            let file = file();
            let mut stream = Stream::open(&file[..]).await.expect("a header");
            let model = Model::describe(stream.header()).expect("a model");
            let variant = Variant::ALL[0];
            Rc::new(
                gpu::Model::load(&device, &mut stream, &model, gpu::Choice::of(variant), CAPACITY)
                    .await
                    .expect("weights"),
            )
        };
        let engine = gpu::Session::new(load().await, Some(load().await)).expect("an engine");
        check(engine, 2e-3).await;
    });
}
