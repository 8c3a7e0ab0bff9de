//! Students against the CPU engine on the same weights, and through files.

use burn::tensor::{Device, Tensor, TensorData};
use pollster::block_on;

use super::{Architecture, Shape, Student, Weights, file, init};
use crate::cpu::{self, Cache, Logits};
use crate::gguf::{Format, Metadata, Stream};
use crate::model::draft::Draft;
use crate::model::family::FAMILIES;
use crate::model::tiny::Tiny;
use crate::model::{self, Role, Rope, RopeStyle};

const CAPACITY: usize = 64;

fn tiny(format: Format) -> Tiny {
    Tiny { format, width: 32, heads: 4, kv_heads: 2, head_dim: 8, ff: 64, layers: 3, ..Tiny::default() }
}

/// A target on the CPU, and the metadata that its drafts carry on.
struct Target {
    model: cpu::Model,
    metadata: Metadata,
}

fn target(tiny: &Tiny) -> Target {
    block_on(async {
        let file = tiny.gguf();
        let mut stream = Stream::open(&file[..]).await.unwrap();
        let description = model::Model::describe(stream.header()).unwrap();
        let metadata = stream.header().metadata.clone();
        let model = cpu::Model::load(&mut stream, &description, CAPACITY).await.unwrap();
        Target { model, metadata }
    })
}

/// A draft from the bytes of its file.
fn read(bytes: &[u8], target: &Target) -> (Draft, Weights) {
    block_on(async {
        let mut stream = Stream::open(bytes).await.unwrap();
        file::read(&mut stream, target.model.config()).await.unwrap()
    })
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
            let (draft, weights) = read(&tiny.gguf(), &target);
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
            let (read, values) = read(&bytes, &target);
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
fn what_does_not_fit_is_refused() {
    let target = target(&tiny(Format::F32));
    let config = target.model.config();
    let draft = (Architecture::by_name("hidden-1").unwrap().shape)(config).draft(config, Some(vec![1, 5]));
    let weights = Weights::random(&draft, 7);
    let wide = self::target(&Tiny { width: 64, ..tiny(Format::F32) });
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
        Weights::read(&mut stream, &slots, config, init::wanted(&draft, &layers)).await.unwrap()
    });
    assert!(weights.get(Some(1), Role::Q).is_none() && weights.get(None, Role::TokenEmbedding).is_none());
    let first = init::from_target(&draft, &weights, config, &layers, 1);
    assert_eq!(first.get(Some(0), Role::Q), weights.get(Some(2), Role::Q));
    assert_eq!(first.get(None, Role::FuseHiddenNorm), weights.get(None, Role::OutputNorm));
    let tokens = (Architecture::by_name("tokens-2").unwrap().shape)(config).draft(config, None);
    assert_eq!(init::layers(&tokens, config), [0, 2]);
}

/// Weights of `tiny`, as its drafts read them.
fn weights_of(tiny: &Tiny) -> Weights {
    block_on(async {
        let file = tiny.gguf();
        let mut stream = Stream::open(&file[..]).await.unwrap();
        let model::Model { slots, config } = model::Model::describe(stream.header()).unwrap();
        Weights::read(&mut stream, &slots, &config, |_| true).await.unwrap()
    })
}

/// `weights` of one head after rope at `position`, times `x`.
fn rotated(rope: &Rope, weights: &[f32], x: &[f32], position: usize) -> Vec<f32> {
    let rows = weights.chunks_exact(x.len());
    let mut out: Vec<f32> = rows.map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect();
    let half = rope.dim / 2;
    let table = rope.table(position + 1, None);
    for (i, [cos, sin]) in table[position * half..].iter().enumerate() {
        let (a, b) = match rope.style {
            RopeStyle::Interleaved => (2 * i, 2 * i + 1),
            RopeStyle::Halves => (i, i + half),
        };
        (out[a], out[b]) = (out[a] * cos - out[b] * sin, out[a] * sin + out[b] * cos);
    }
    out
}

#[test]
fn first_weights_of_every_family_score_as_the_target_does() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut random = |count: usize| -> Vec<f32> { (0..count).map(|_| random.f32() - 0.5).collect() };
    for (family, rope_dim, tied) in
        FAMILIES.iter().flat_map(|family| [(family, None, true), (family, Some(4), false)])
    {
        let tiny = Tiny { family: family.name, rope_dim, tied, ..tiny(Format::F32) };
        let config = &tiny.config();
        let draft = (Architecture::by_name("target").unwrap().shape)(config).draft(config, None);
        let layers = init::layers(&draft, config);
        assert_eq!(layers, [0, 1, 2]);
        let theirs = weights_of(&tiny);
        let ours = init::from_target(&draft, &theirs, config, &layers, 1);
        let (noise, name) = (Weights::random(&draft, 1), family.name);
        for wanted in draft.wanted().iter().filter(|wanted| wanted.needed) {
            assert!(ours.0[&wanted.slot] != noise.0[&wanted.slot], "{name}: {} is random", wanted.name);
        }
        for layer in layers {
            let attention = config.plan.layers[layer].attention();
            let head = attention.head_dim * config.width;
            // The draft's frequencies for both: a family may have others in some layers.
            let rope = &draft.config.plan.ropes[0];
            let their_rope = Rope { style: config.plan.ropes[attention.rope].style, ..rope.clone() };
            let (x, y) = (random(config.width), random(config.width));
            for (query, key) in [(0, 0), (3, 1)] {
                let score = |rope: &Rope, weights: &Weights| -> f32 {
                    let of = |role, at: usize| &weights.get(Some(layer), role).unwrap()[at * head..][..head];
                    let (q, k) =
                        (rotated(rope, of(Role::Q, query), &x, 9), rotated(rope, of(Role::K, key), &y, 4));
                    q.iter().zip(&k).map(|(q, k)| q * k).sum()
                };
                let (theirs, ours) = (score(&their_rope, &theirs), score(rope, &ours));
                assert!((theirs - ours).abs() < 1e-5, "{name}, layer {layer}: {theirs} {ours}");
            }
        }
    }
}

#[test]
fn a_head_of_some_ids_begins_with_their_rows() {
    let tiny = tiny(Format::F32);
    let config = &tiny.config();
    let shape = (Architecture::by_name("target").unwrap().shape)(config);
    let draft = Shape { tied: false, ..shape }.draft(config, Some(vec![7, 200]));
    let theirs = weights_of(&tiny);
    let ours = init::from_target(&draft, &theirs, config, &[0, 1, 2], 1);
    let rows = theirs.get(None, Role::TokenEmbedding).unwrap();
    let row = |id: usize| &rows[id * config.width..][..config.width];
    assert_eq!(ours.get(None, Role::Output).unwrap(), [row(7), row(200)].concat());
    assert_eq!(ours.get(None, Role::TokenEmbedding), Some(rows));
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
