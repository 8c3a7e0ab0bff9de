//! Random models of every family, with random biases, formats, numbers' types and files: the logits are those of the plain
//! float64 pass of `cpu/reference.rs`, which `families.rs` compares with one that is not ours. On the GPU they are what
//! the CPU says.

use crate::support;

use paceline::cpu::{Cache, Logits, Model, reference};
use paceline::decode::{Generator, Options};
use paceline::gguf::{Array, Format, Metadata, Stream, Value, Writer};
use paceline::model::family::FAMILIES;
use paceline::model::tiny::{BIASES, Tiny};
use paceline::model::{self, Role};
use paceline::round::Rules;
use pollster::block_on;
use proptest::prelude::*;
use support::devices::{DEVICES, loaded_shards};
use support::generate;

/// A model, in how many files it lies, and how its numbers are stored.
#[derive(Debug, Clone)]
struct Case {
    tiny: Tiny,
    files: usize,
    types: Vec<usize>,
    tokens: Vec<u32>,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (0..FAMILIES.len(), 1..4usize, 1..3usize, 1..4usize, 1..5usize, 1..4usize);
    let format =
        prop::sample::select(vec![Format::F32, Format::F16, Format::BF16, Format::Q8_0, Format::Q4_1]);
    let rope = (0..3usize, prop::sample::select(vec![1.0f32, 4.0, 2.5]), any::<bool>());
    let rest = (
        any::<bool>(),
        prop::collection::vec(any::<bool>(), BIASES.len()),
        any::<u32>(),
        prop::collection::vec(0..259u32, 1..20),
        1..5usize,
        prop::collection::vec(0..7usize, 12),
    );
    (shape, format, rope, rest).prop_map(|(shape, format, rope, rest)| {
        let (family, layers, kv_heads, shared, wide, ff) = shape;
        let (rope_dim, rope_scale, rope_factors) = rope;
        let (tied, biases, seed, tokens, files, types) = rest;
        let head_dim = 8 * wide;
        // Whole blocks of 32 for the quantized formats, odd widths for the others.
        let family = FAMILIES[family].name;
        let whole = matches!(format, Format::Q8_0 | Format::Q4_1);
        let heads = kv_heads * if whole { 4 } else { shared };
        let tiny = Tiny {
            family,
            layers,
            width: if whole { 64 } else { 37 + wide },
            heads,
            kv_heads,
            head_dim,
            rope_dim: [None, Some(head_dim), Some(head_dim / 4 * 2)][rope_dim],
            rope_scale,
            rope_factors,
            ff: if whole { 32 * ff } else { 31 + ff },
            vocab: 275,
            head_vocab: if tied { 275 } else { 266 },
            context: 64,
            tied,
            format,
            formats: Vec::new(),
            biases: BIASES
                .into_iter()
                .zip(biases)
                .filter_map(|(role, has)| (has && may_have(family, role)).then_some(role))
                .collect(),
            seed: seed.into(),
        };
        Case { tiny, files, types, tokens }
    })
}

/// Phi 3 has no tensors for the parts of those that it has together.
fn may_have(family: &str, bias: Role) -> bool {
    let together = [Role::QBias, Role::KBias, Role::VBias, Role::GateBias, Role::UpBias];
    family != "phi3" || !together.contains(&bias)
}

/// `value` as another type that holds it.
fn retyped(value: &Value, kind: usize) -> Value {
    let number = match value {
        Value::U32(v) => f64::from(*v),
        Value::I32(v) => f64::from(*v),
        Value::F32(v) => f64::from(*v),
        Value::Bool(on) if kind.is_multiple_of(2) => return Value::U8((*on).into()),
        _ => return value.clone(),
    };
    let whole = number.fract() == 0.0 && number >= 0.0;
    match kind {
        0 => Value::F64(number),
        1 if whole => Value::U64(number as u64),
        2 if whole => Value::I64(number as i64),
        3 if whole && number < 32_768.0 => Value::I16(number as i16),
        4 if whole && number < 256.0 => Value::U8(number as u8),
        5 if whole && number < 16_777_216.0 => Value::F32(number as f32),
        6 if whole && number < 65_536.0 => Value::U16(number as u16),
        _ => value.clone(),
    }
}

impl Case {
    fn files(&self) -> Vec<Vec<u8>> {
        let mut writer: Writer = self.tiny.writer();
        let keys = std::mem::take(&mut writer.metadata).0;
        let keys = keys.into_iter().enumerate().map(|(i, (key, value))| {
            let kind = self.types[i % self.types.len()];
            let value = match &value {
                Value::Array(Array::I32(types)) if kind < 3 => {
                    Value::Array(Array::U8(types.iter().map(|kind| *kind as u8).collect()))
                }
                value => retyped(value, kind),
            };
            (key, value)
        });
        writer.metadata = Metadata(keys.collect());
        if self.files == 1 {
            return vec![writer.finish()];
        }
        writer.finish_evenly(self.files)
    }
}

fn described(files: &[Vec<u8>]) -> (Stream<&[u8]>, model::Model) {
    let sources = files.iter().rev().map(Vec::as_slice).collect();
    let stream = block_on(Stream::open_shards(sources)).expect("headers");
    let model = model::Model::describe(stream.header()).expect("a model");
    (stream, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn the_cpu_computes_what_float64_does(case in cases()) {
        let files = case.files();
        let (mut stream, description) = described(&files);
        let expected = block_on(reference::Model::load(&mut stream, &description)).expect("weights");
        let expected = expected.forward(&case.tokens, 64);
        let (mut stream, description) = described(&files);
        let model = block_on(Model::load(&mut stream, &description, 64)).expect("weights");
        prop_assert_eq!(model.config(), &case.tiny.config());
        let found = model.forward(&mut Cache::new(model.config(), 64), &case.tokens, 0, Logits::All);
        let error = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let size = expected.iter().fold(1.0_f32, |size, x| size.max(x.abs()));
        prop_assert!(error < 1e-3 * size, "error {error} of logits up to {size}");
        // The negative control: without a bias the logits are others. (Those of q and k may hardly be seen, and qwen2 needs v's.)
        let seen = |role: &&Role| !matches!(role, Role::QBias | Role::KBias | Role::VBias);
        if let Some(role) = case.tiny.biases.iter().find(seen) {
            let mut other = case.clone();
            other.tiny.biases.retain(|kept| kept != role);
            let files = other.files();
            let (mut stream, description) = described(&files);
            let other = block_on(reference::Model::load(&mut stream, &description)).expect("weights");
            let other = other.forward(&case.tokens, 64);
            let error = found.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            prop_assert!(error > 1e-2 * size, "without {role:?} the error is {error} of {size}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_gpu_says_what_the_cpu_says(case in cases()) {
        let files = case.files();
        let options = || Options {
            max_tokens: 6,
            rules: Rules { logprobs: true, ..Rules::default() },
            ..Options::default()
        };
        let [cpu, gpu] = DEVICES.map(|device| {
            let mut generator = Generator::new(loaded_shards(device, &files).engine);
            generate(&mut generator, &case.tokens, options()).0
        });
        // Rounding may decide between ids that are as likely, and what follows is then another text.
        let (mut stream, description) = described(&files);
        let model = block_on(reference::Model::load(&mut stream, &description)).expect("weights");
        let vocab = description.config.head_vocab;
        let mut context = case.tokens.clone();
        for (cpu, gpu) in cpu.iter().zip(&gpu) {
            let logits = model.forward(&context, 64);
            let row = &logits[logits.len() - vocab..];
            let lead = (row[*cpu as usize] - row[*gpu as usize]).abs();
            prop_assert!(lead < 1e-2, "{cpu} or {gpu}, {lead} apart");
            if cpu != gpu {
                break;
            }
            context.push(*cpu);
        }
    }
}
