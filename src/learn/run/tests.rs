//! What is learnt natively, end to end: drafts that go through the engine, and a regression on collected samples.

use burn::tensor::Device;
use pollster::block_on;

use super::collect::{Collector, Openers};
use super::{Error, Target, drafts};
use crate::gguf::{Format, Stream};
use crate::learn::core::divergence::by_name;
use crate::learn::core::draft::{Architecture, Student, Weights, file, regress};
use crate::learn::core::{Batcher, Pass, Sample, judge};
use crate::model::tiny::Tiny;
use crate::model::{self, Role, Taps};

const CAPACITY: usize = 64;

fn tiny(format: Format) -> Tiny {
    Tiny { format, width: 32, heads: 4, kv_heads: 2, head_dim: 8, ff: 64, layers: 3, ..Tiny::default() }
}

fn target(tiny: &Tiny) -> Target {
    block_on(Target::load(&tiny.gguf()[..], CAPACITY)).unwrap()
}

#[test]
fn plain_drafts_load_in_the_engine_and_fed_ones_say_why_not() {
    let tiny = tiny(Format::F32);
    let target = target(&tiny);
    let config = target.model.config();
    let make = |name: &str| {
        let draft = (Architecture::by_name(name).unwrap().shape)(config).draft(config, None);
        let weights = Weights::random(&draft, 7);
        file::write(&draft, &weights, Format::Q8_0, "test", &target.metadata).unwrap()
    };
    let load = |draft: Vec<u8>| {
        let options = crate::load::LoadOptions { device: crate::load::Device::Cpu, ..Default::default() };
        block_on(crate::load::load(&tiny.gguf()[..], Some(&draft[..]), &options)).map(|loaded| loaded.draft)
    };
    assert_eq!(load(make("plain-2x64")).unwrap().unwrap().config.plan.layers.len(), 2);
    assert!(model::Model::describe(block_on(Stream::open(&make("hidden-1")[..])).unwrap().header()).is_err());
}

#[test]
fn drafts_of_another_tokenizer_are_refused() {
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let draft = (Architecture::by_name("hidden-1").unwrap().shape)(config).draft(config, Some(vec![1, 5]));
    let weights = Weights::random(&draft, 7);
    let bytes = file::write(&draft, &weights, Format::F32, "test", &target.metadata).unwrap();
    let other = self::target(&Tiny { vocab: 270, ..tiny(Format::F32) });
    let error = block_on(drafts::read(&bytes[..], &other)).unwrap_err();
    assert!(matches!(error, Error::Engine(crate::Error::TokenizerMismatch(_))), "{error}");
}

#[test]
fn regression_is_a_better_beginning_than_noise() {
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let openers = Openers::new(target.template().unwrap(), &target.tokenizer, (12, 30), 5).unwrap();
    let stop_ids = target.tokenizer.stop_ids();
    let taps = Some(Taps::last(config));
    let collector = Collector { target: &target.model, draft: None, stop_ids, taps, lanes: 8, threads: 1 };
    let mut samples: Vec<Sample> = Vec::new();
    // Few enough tokens for the capacity that the target was loaded for.
    let scripts = (0..).map(|i| (i, openers.script(i))).filter(|(_, s)| s.longest() <= CAPACITY).take(80);
    collector
        .run(scripts, |finished| {
            samples.push(finished.sample);
            Ok::<(), ()>(())
        })
        .unwrap();
    let (learnt, kept_back) = samples.split_at(60);
    let draft = (Architecture::by_name("hidden-1").unwrap().shape)(config).draft(config, None);
    let loss = |weights: &Weights| {
        let student = Student::new(draft.clone(), weights, &target.model, &Device::flex()).unwrap().still();
        let samples: Vec<&Sample> = kept_back.iter().collect();
        let batch = Batcher::new(&draft, CAPACITY).batch(&samples, &mut fastrand::Rng::with_seed(1));
        let pass = Pass { unroll: 1, decay: 1.0, feature: 0.0 };
        let (divergence, rows) = (by_name("fkl", 0.0).unwrap(), pass.rows(std::slice::from_ref(&batch)));
        judge(&student, &batch, divergence.as_ref(), pass, &rows, false).unwrap().loss
    };
    let mut weights = Weights::random(&draft, 7);
    let before = loss(&weights);
    regress(&draft, &mut weights, &target.model, learnt, &Device::flex()).unwrap();
    let whole = loss(&weights);
    for role in [Role::AttentionOutput, Role::Down] {
        let zeros = vec![0.0; weights.get(Some(0), role).unwrap().len()];
        weights.set(Some(0), role, zeros);
    }
    let linear = loss(&weights);
    println!("loss {before}, linear {linear}, with the layer {whole}");
    assert!(linear < 0.8 * before, "loss {before}, linear {linear}");
    assert!(whole < linear, "linear {linear}, with the layer {whole}");
}
