//! Students against the CPU engine on the same weights, and through files.

use burn::tensor::{Device, Tensor, TensorData};
use pollster::block_on;

use super::{Architecture, Student, Weights, file, init};
use crate::cpu::{self, Cache, Logits};
use crate::gguf::{Format, Stream};
use crate::learn::Target;
use crate::model::draft::Draft;
use crate::model::tiny::Tiny;
use crate::model::{self, Role};

const CAPACITY: usize = 64;

fn tiny(format: Format) -> Tiny {
    Tiny { format, width: 32, heads: 4, kv_heads: 2, head_dim: 8, ff: 64, layers: 3, ..Tiny::default() }
}

fn target(tiny: &Tiny) -> Target {
    block_on(Target::load(&tiny.gguf()[..], CAPACITY)).unwrap()
}

fn tokens(length: usize, vocab: usize) -> Vec<u32> {
    let mut random = fastrand::Rng::with_seed(5);
    (0..length).map(|_| random.u32(..vocab as u32)).collect()
}

fn loaded(bytes: &[u8], target: &Target) -> cpu::Draft {
    block_on(async {
        let mut stream = Stream::open(bytes).await.unwrap();
        let description = Draft::describe(stream.header(), target.model.config()).unwrap();
        cpu::Draft::load(&mut stream, &description, &target.model, CAPACITY).await.unwrap()
    })
}

/// Logits of every position and pass of the student.
fn student_logits(student: &Student, tokens: &[u32], states: Vec<f32>, passes: usize) -> Vec<Vec<f32>> {
    let inputs = student.inputs(1, tokens, states);
    let passes = student.net.states(&student.draft.config, &inputs, passes);
    let logits = |states: Tensor<3>| {
        let rows = states.reshape([tokens.len(), student.draft.config.width]);
        student.speak(rows).logits().try_into_vec_as().unwrap()
    };
    passes.into_iter().map(logits).collect()
}

fn assert_near(what: &str, a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "{what}");
    let error = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("{what}: {error:e}");
    assert!(error < 1e-3, "{what}: logits differ by {error}");
}

/// A draft of the shape called `name` that says `ids` (all, where its head is its embedding), and weights of noise.
fn noise(target: &Target, name: &str, ids: Option<Vec<u32>>) -> (Draft, Weights) {
    let config = target.model.config();
    let shape = (Architecture::by_name(name).unwrap().shape)(config);
    let draft = shape.draft(config, ids.filter(|_| !shape.tied));
    let weights = Weights::random(&draft, 7);
    (draft, weights)
}

/// What predicted each token: the target's state one position before.
fn states_before(target: &Target, tokens: &[u32]) -> Vec<f32> {
    let config = target.model.config();
    let output = target.model.forward_hidden(&mut Cache::new(config, CAPACITY), tokens, 0, Logits::All);
    let mut states = vec![0.0; config.width];
    states.extend_from_slice(&output.hidden[..(tokens.len() - 1) * config.width]);
    states
}

#[test]
fn plain_drafts_say_what_the_engine_says() {
    for format in [Format::F32, Format::F16] {
        for (tied, head_vocab, rope_dim) in [(true, 288, None), (false, 270, Some(4))] {
            let tiny = Tiny { tied, head_vocab, rope_dim, seed: 4, ..tiny(format) };
            let target = target(&Tiny { seed: 1, ..tiny.clone() });
            let (draft, weights) = block_on(file::read(&tiny.gguf()[..], &target)).unwrap();
            let student = Student::new(draft, &weights, &target.model, &Device::flex()).unwrap();
            let tokens = tokens(40, 288);
            let cpu = loaded(&tiny.gguf(), &target);
            let mut cache = Cache::new(cpu.config(), CAPACITY);
            let expected = cpu.forward(&mut cache, &tokens, &[], 0, Logits::All).logits;
            let got = student_logits(&student, &tokens, Vec::new(), 1);
            assert_near(&format!("{format}, tied {tied}"), &got[0], &expected);
        }
    }
}

#[test]
fn fed_drafts_say_what_the_engine_says_also_when_they_draft_on() {
    const PASSES: usize = 4;
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let ids: Vec<u32> = (0..288).filter(|id| id % 3 != 1).collect();
    for name in ["hidden-1", "hidden-2", "tokens-2"] {
        let (draft, weights) = noise(&target, name, Some(ids.clone()));
        let bytes = file::write(&draft, &weights, Format::F32, "test", &target.metadata).unwrap();
        let cpu = loaded(&bytes, &target);
        let student = Student::new(draft, &weights, &target.model, &Device::flex()).unwrap();
        let tokens = tokens(30, 288);
        let states = states_before(&target, &tokens);
        let got = student_logits(&student, &tokens, states.clone(), PASSES);
        assert_eq!(got.len(), if name == "tokens-2" { 1 } else { PASSES });

        let mut cache = Cache::new(cpu.config(), CAPACITY);
        let expected = cpu.forward(&mut cache, &tokens, &states, 0, Logits::All);
        assert_near(name, &got[0], &expected.logits);
        if got.len() == 1 {
            continue;
        }
        // Chains that begin at `begin` and go on from the draft's own states.
        let (width, vocab) = (config.width, ids.len());
        for begin in 0..tokens.len() - PASSES {
            let mut cache = Cache::new(cpu.config(), CAPACITY);
            let read = begin + 1;
            let mut own =
                cpu.forward(&mut cache, &tokens[..read], &states[..read * width], 0, Logits::Last).hidden;
            for (pass, got) in got.iter().enumerate().skip(1) {
                let at = begin + pass;
                let output = cpu.forward(&mut cache, &tokens[at..=at], &own, at, Logits::Last);
                assert_near(
                    &format!("{name}, pass {pass} at {at}"),
                    &got[at * vocab..][..vocab],
                    &output.logits,
                );
                own = output.hidden;
            }
        }
    }
}

#[test]
fn masked_inputs_are_not_seen() {
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    for name in ["hidden-1", "tokens-2", "plain-2x64"] {
        let (draft, weights) = noise(&target, name, None);
        let device = Device::flex();
        let student = Student::new(draft, &weights, &target.model, &device).unwrap().still();
        let mut tokens = tokens(6, config.vocab);
        let mut states = states_before(&target, &tokens);
        let run = |tokens: &[u32], states: &[f32], masked: bool| -> Vec<f32> {
            let mut inputs = student.inputs(1, tokens, states.to_vec());
            if masked {
                let keep = (0..6).map(|at| f32::from(u8::from(at != 2))).collect();
                inputs.keep = Some(Tensor::from_data(TensorData::new::<f32, _>(keep, [1, 6, 1]), &device));
            }
            student.net.states(&student.draft.config, &inputs, 1).pop().unwrap().try_into_vec_as().unwrap()
        };
        let (seen, unseen) = (run(&tokens, &states, false), run(&tokens, &states, true));
        tokens[2] = (tokens[2] + 1) % config.vocab as u32;
        states[2 * config.width..3 * config.width].fill(0.5);
        assert_ne!(seen, run(&tokens, &states, false), "{name}");
        assert_eq!(unseen, run(&tokens, &states, true), "{name}");
    }
}

#[test]
fn weights_survive_files() {
    let target = target(&tiny(Format::F32));
    for name in ["hidden-1", "tokens-2", "plain-2x64"] {
        let (draft, weights) = noise(&target, name, Some((0..288).step_by(2).collect()));
        for (format, tolerance) in
            [(Format::F32, 0.0), (Format::F16, 1e-3), (Format::Q8_0, 1e-2), (Format::Q4_0, 0.15)]
        {
            let bytes = file::write(&draft, &weights, format, "test", &target.metadata).unwrap();
            let (read, values) = block_on(file::read(&bytes[..], &target)).unwrap();
            assert_eq!(Draft { slots: Vec::new(), ..read.clone() }, draft, "{name} in {format}");
            assert_eq!(values.0.len(), weights.0.len());
            for (slot, expected) in &weights.0 {
                let size = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                for (got, expected) in values.0[slot].iter().zip(expected) {
                    assert!((got - expected).abs() <= tolerance * size, "{name} {slot:?} in {format}");
                }
            }
            // And a student gives back what it was made of.
            let student = Student::new(read, &values, &target.model, &Device::flex()).unwrap();
            assert_eq!(student.weights(), values, "{name} in {format}");
        }
    }
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
    assert_eq!(load(make("plain-2x64")).unwrap().unwrap().config.layers, 2);
    assert!(model::Model::describe(block_on(Stream::open(&make("hidden-1")[..])).unwrap().header()).is_err());
}

#[test]
fn what_does_not_fit_is_refused() {
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let draft = (Architecture::by_name("hidden-1").unwrap().shape)(config).draft(config, Some(vec![1, 5]));
    let weights = Weights::random(&draft, 7);
    let bytes = file::write(&draft, &weights, Format::F32, "test", &target.metadata).unwrap();
    let other =
        block_on(Target::load(&Tiny { vocab: 270, ..tiny(Format::F32) }.gguf()[..], CAPACITY)).unwrap();
    let error = block_on(file::read(&bytes[..], &other)).unwrap_err();
    assert!(matches!(error, crate::Error::TokenizerMismatch(_)), "{error}");
    let wide = Tiny { width: 64, ..tiny(Format::F32) };
    let wide = block_on(Target::load(&wide.gguf()[..], CAPACITY)).unwrap();
    let error = Student::new(draft.clone(), &weights, &wide.model, &Device::flex()).unwrap_err();
    assert_eq!(error.code(), "learn-shape");
    let mut incomplete = weights;
    incomplete.0.retain(|slot, _| slot.role != Role::Down);
    let error = file::write(&draft, &incomplete, Format::F32, "test", &target.metadata).unwrap_err();
    assert_eq!(error.code(), "learn-shape");
    assert_eq!(
        Student::new(draft, &incomplete, &target.model, &Device::flex()).unwrap_err().code(),
        "learn-shape"
    );
    assert_eq!(Architecture::by_name("huge").err().unwrap().code(), "learn-unknown");
}

#[test]
fn first_weights_are_the_targets() {
    let tiny = tiny(Format::F32);
    let target = target(&tiny);
    let config = target.model.config();
    let draft = (Architecture::by_name("hidden-1").unwrap().shape)(config).draft(config, None);
    let layers = init::layers(&draft, config);
    assert_eq!(layers, [2]);
    let weights = block_on(async {
        let file = tiny.gguf();
        let mut stream = Stream::open(&file[..]).await.unwrap();
        let slots = model::Model::describe(stream.header()).unwrap().slots;
        Weights::read(&mut stream, &slots, init::wanted(&draft, &layers)).await.unwrap()
    });
    assert!(weights.get(Some(1), Role::Q).is_none() && weights.get(None, Role::TokenEmbedding).is_none());
    let first = init::from_target(&draft, &weights, &layers, 1);
    assert_eq!(first.get(Some(0), Role::Q), weights.get(Some(2), Role::Q));
    assert_eq!(first.get(None, Role::FuseHiddenNorm), weights.get(None, Role::OutputNorm));
    let tokens = (Architecture::by_name("tokens-2").unwrap().shape)(config).draft(config, None);
    assert_eq!(init::layers(&tokens, config), [0, 2]);
}

#[test]
fn tables_of_the_target_are_looked_up_by_id() {
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let draft = (Architecture::by_name("tokens-2").unwrap().shape)(config).draft(config, Some(vec![3, 200]));
    let weights = Weights::random(&draft, 7);
    let student = Student::new(draft, &weights, &target.model, &Device::flex()).unwrap();
    let inputs = student.inputs(1, &[7], Vec::new());
    let mut row = vec![0.0; config.width];
    target.model.embedding_row(7, &mut row);
    assert_eq!(inputs.embedded.unwrap().try_into_vec_as::<f32>().unwrap(), row);
    let one = Tensor::<2>::from_data(
        TensorData::new(vec![1.0f32; config.width], [1, config.width]),
        &Device::flex(),
    );
    let logits: Vec<f32> = student.speak(one.clone()).logits().try_into_vec_as().unwrap();
    target.model.head_row(200, &mut row);
    let normed: Vec<f32> = student.net.normed(one).inner().try_into_vec_as().unwrap();
    let expected: f32 = row.iter().zip(&normed).map(|(a, b)| a * b).sum();
    assert!((logits[1] - expected).abs() < 1e-4, "{} {expected}", logits[1]);
}

#[test]
fn regression_is_a_better_beginning_than_noise() {
    use super::regress;
    use crate::learn::data::{Collector, Openers, Sample};
    use crate::learn::divergence::by_name;
    use crate::learn::train::{Batcher, Pass, judge};

    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let openers = Openers::new(target.template().unwrap(), &target.tokenizer, (12, 30), 5).unwrap();
    let stop_ids = target.tokenizer.stop_ids();
    let collector =
        Collector { target: &target.model, draft: None, stop_ids, hidden: true, lanes: 8, threads: 1 };
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
        judge(&student, &batch, by_name("fkl", 0.0).unwrap().as_ref(), pass, false).unwrap().loss
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
