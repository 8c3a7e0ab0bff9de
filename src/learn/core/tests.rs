//! A learner on samples and a target that are made up, in memory alone.

use burn::tensor::Device;
use half::f16;

use super::draft::{Architecture, Shape, Student, Weights, file};
use super::{Learner, Matrices, Pass, Rows, Sample, Schedule, Settings};
use crate::gguf::{Format, Metadata, Stream};
use crate::model::Config;
use crate::model::tiny::Tiny;

/// A target that is two tables.
struct Tables {
    config: Config,
    embedding: Vec<f32>,
    head: Vec<f32>,
}

impl Tables {
    fn new() -> Self {
        let config =
            Tiny { width: 16, heads: 2, kv_heads: 1, head_dim: 8, ff: 24, ..Tiny::default() }.config();
        let mut random = fastrand::Rng::with_seed(3);
        let mut table = |rows: usize| (0..rows * config.width).map(|_| random.f32() - 0.5).collect();
        Self { embedding: table(config.vocab), head: table(config.head_vocab), config }
    }

    fn rows(&self, table: &[f32], ids: &[u32], out: &mut [f32]) {
        let width = self.config.width;
        for (id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(&table[*id as usize * width..][..width]);
        }
    }
}

impl Matrices for Tables {
    fn config(&self) -> &Config {
        &self.config
    }

    fn has_head_bias(&self) -> bool {
        false
    }

    fn embedding_rows(&self, ids: &[u32], out: &mut [f32]) {
        self.rows(&self.embedding, ids, out);
    }

    fn head_rows(&self, ids: &[u32], out: &mut [f32]) {
        self.rows(&self.head, ids, out);
    }
}

/// Texts in which ten tokens follow each other in a circle, most of the time: what a target would say of them, and states
/// that know the next token.
fn samples(target: &Tables, count: usize) -> Vec<Sample> {
    let next = |token: u32| (token - 20 + 3) % 10 + 20;
    let sample = |i: usize| {
        let length = 9 + 2 * (i % 4);
        let mut tokens = vec![20 + i as u32 % 10];
        while tokens.len() < length {
            tokens.push(next(tokens[tokens.len() - 1]));
        }
        let mut sample = Sample { temperature: 1.0, ..Sample::default() };
        for (at, token) in tokens[..length - 1].iter().enumerate() {
            sample.rows.positions.push(at as u32);
            sample.rows.ids.extend([next(*token), 40]);
            sample.rows.p.extend([0.75, 0.125].map(f16::from_f32));
            sample.rows.tail.push(0.125);
            let mut state = vec![0.0; target.config.width];
            target.head_rows(&[next(*token)], &mut state);
            sample.hidden.extend(state.into_iter().map(f16::from_f32));
        }
        Sample { tokens, ..sample }
    };
    (0..count).map(sample).collect()
}

fn settings() -> Settings {
    Settings {
        divergence: "fkl".into(),
        beta: 0.5,
        optimizer: "adamw".into(),
        schedule: Schedule { peak: 0.05, warmup: 2, steps: 40 },
        pass: Pass { unroll: 2, decay: 0.7, feature: 0.0 },
        last_layer: false,
        mask: 0.0,
        length: 12,
        at_a_time: 0,
    }
}

fn learner(target: &Tables, shape: &str, settings: Settings) -> Learner {
    let config = &target.config;
    let draft = (Architecture::by_name(shape).unwrap().shape)(config).draft(config, None);
    let weights = Weights::random(&draft, 7);
    let student = Student::new(draft, &weights, target, &Device::flex()).unwrap();
    Learner::new(student, settings).unwrap()
}

fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(1)
}

#[test]
fn a_draft_learns_in_memory_alone() {
    let target = Tables::new();
    let samples = samples(&target, 6);
    for shape in ["hidden-1", "tokens-2", "plain-2x64"] {
        let mut learner = learner(&target, shape, settings());
        let (before, mut random) = (learner.weights(), random());
        let kept_back = learner.judge(&samples, 4, &mut random);
        let steps: Vec<_> = (0..12).map(|_| learner.step(&samples, &mut random).unwrap()).collect();
        println!("{shape}: {:?}", steps.iter().map(|step| step.loss).collect::<Vec<_>>());
        for (at, step) in steps.iter().enumerate() {
            assert!(step.gradient_norm.is_finite() && step.gradient_norm > 1e-3, "{shape}: {step:?}");
            assert_eq!(step.learning_rate, settings().schedule.at(at));
            // Of 8, 10, 12 and 14 tokens that are read, no more than 12.
            assert_eq!((step.rows, step.tokens), (60, 60));
            assert_eq!(step.alpha.len(), if shape == "hidden-1" { 2 } else { 1 });
        }
        let (first, last) = (&steps[0], &steps[11]);
        assert!(last.loss < 0.8 * first.loss, "{shape}: loss {} -> {}", first.loss, last.loss);
        assert!(last.alpha[0] > first.alpha[0], "{shape}: alpha {:?} -> {:?}", first.alpha, last.alpha);
        assert!(learner.judge(&samples, 4, &mut random)[0] > kept_back[0]);
        assert_eq!(learner.steps(), 12);

        // What was learnt is plain data, and a file's bytes that say the same.
        let weights = learner.weights();
        assert!(before.0.keys().all(|slot| weights.0[slot] != before.0[slot]), "{shape}");
        let bytes = learner.export(Format::F32, "made up", &Metadata::default()).unwrap();
        let read = pollster::block_on(async {
            let mut stream = Stream::open(&bytes[..]).await.unwrap();
            file::read(&mut stream, &target.config).await.unwrap().1
        });
        assert_eq!(read, weights, "{shape}");
    }
}

#[test]
fn how_many_sequences_run_at_a_time_changes_nothing() {
    let target = Tables::new();
    let samples = samples(&target, 7);
    let losses = |at_a_time: usize| {
        let settings = Settings { at_a_time, mask: 0.2, length: 10, ..settings() };
        let (mut learner, mut random) = (learner(&target, "hidden-1", settings), random());
        (0..3).map(|_| learner.step(&samples, &mut random).unwrap()).collect::<Vec<_>>()
    };
    let whole = losses(0);
    for at_a_time in [1, 3, 7] {
        for (whole, parts) in whole.iter().zip(losses(at_a_time)) {
            assert_eq!((whole.rows, whole.tokens), (parts.rows, parts.tokens));
            let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-3 * a.abs(), "{whole:?} {parts:?}");
            near(whole.loss, parts.loss);
            near(whole.gradient_norm, parts.gradient_norm);
            whole.alpha.iter().zip(&parts.alpha).for_each(|(a, b)| near(*a, *b));
        }
    }
}

#[test]
fn a_saved_learner_goes_on_as_if_nothing_had_been() {
    let target = Tables::new();
    let samples = samples(&target, 4);
    for optimizer in ["adamw", "muon"] {
        let settings = Settings { optimizer: optimizer.into(), ..settings() };
        let mut learner = learner(&target, "hidden-1", settings.clone());
        let mut random = random();
        (0..3).for_each(|_| drop(learner.step(&samples, &mut random).unwrap()));
        let state = learner.save().unwrap();
        let mut again = self::learner(&target, "hidden-1", settings.clone());
        again.restore(state.clone()).unwrap();
        assert_eq!((again.steps(), again.weights()), (3, learner.weights()));
        let mut same = random.clone();
        for _ in 0..3 {
            let step = learner.step(&samples, &mut random).unwrap();
            assert_eq!(again.step(&samples, &mut same).unwrap(), step, "{optimizer}");
        }
        assert_eq!(again.weights(), learner.weights(), "{optimizer}");

        let mut other = self::learner(&target, "tokens-2", settings);
        let before = other.weights();
        assert_eq!(other.restore(state).unwrap_err().code(), "learn-state");
        assert_eq!((other.steps(), other.weights()), (0, before));
    }
}

#[test]
fn what_is_no_number_is_not_learnt() {
    let target = Tables::new();
    let mut samples = samples(&target, 2);
    let mut learner = learner(&target, "hidden-1", settings());
    let before = learner.weights();
    samples[1].rows.p[0] = f16::NAN;
    let error = learner.step(&samples, &mut random()).unwrap_err();
    assert_eq!(error.code(), "learn-diverged");
    assert!(error.to_string().contains("the loss is NaN at step 0"), "{error}");
    assert_eq!((learner.steps(), learner.weights()), (0, before.clone()));

    // Nothing to learn from is no failure, and a step all the same.
    let empty = Sample { rows: Rows::default(), ..samples[0].clone() };
    assert_eq!(learner.step(&[empty], &mut random()).unwrap().rows, 0);
    assert_eq!((learner.steps(), learner.weights()), (1, before));
    assert!(learner.judge::<Sample>(&[], 4, &mut random()).is_empty());
}

#[test]
fn the_last_layer_can_learn_alone() {
    let target = Tables::new();
    let mut learner = learner(&target, "tokens-2", Settings { last_layer: true, ..settings() });
    let before = learner.weights();
    learner.step(&samples(&target, 3), &mut random()).unwrap();
    for (slot, values) in &learner.weights().0 {
        assert_eq!(before.0[slot] != *values, slot.layer == Some(1), "{slot:?}");
    }
}

#[test]
fn states_are_compared_only_where_the_last_is_read() {
    let target = Tables::new();
    let config = &target.config;
    let last = config.plan.layers.len() - 1;
    let settings = Settings { pass: Pass { unroll: 1, decay: 1.0, feature: 0.5 }, ..settings() };
    for (taps, fits) in [(None, true), (Some(vec![0, last]), true), (Some(vec![0]), last == 0)] {
        let shape = (Architecture::by_name("hidden-1").unwrap().shape)(config);
        let draft = Shape { taps: taps.clone(), ..shape }.draft(config, None);
        let weights = Weights::random(&draft, 7);
        let student = Student::new(draft, &weights, &target, &Device::flex()).unwrap();
        let learner = Learner::new(student, settings.clone()).map(|_| ()).map_err(|error| error.code());
        assert_eq!(learner, if fits { Ok(()) } else { Err("learn-shape") }, "{taps:?}");
    }
}
