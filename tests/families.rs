//! Random models of every family, with random biases, heads and ropes, on both devices: what they say, and how likely it
//! was, is what the forward pass of `fixtures/forward.py` computes.

use crate::support;

use paceline::decode::{Event, Generator, Options};
use paceline::gguf::Format;
use paceline::load::Device;
use paceline::model::tiny::{BIASES, Tiny};
use paceline::model::{CacheType, Role};
use paceline::round::Rules;
use support::devices::{DEVICES, engine, engine_of};

/// A line of `fixtures/forward.json`.
#[derive(Debug, serde::Deserialize)]
struct Case {
    family: String,
    layers: usize,
    width: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    rope_dim: usize,
    rope_scale: f32,
    rope_factors: bool,
    ff: usize,
    context: usize,
    vocab: usize,
    head_vocab: usize,
    tied: bool,
    biases: Vec<String>,
    seed: u64,
    prompt: Vec<u32>,
    /// Ids and their log-probabilities.
    said: Vec<(u32, f32)>,
}

impl Case {
    fn tiny(&self) -> Tiny {
        let family = paceline::model::family::FAMILIES.iter().find(|family| family.name == self.family);
        Tiny {
            family: family.expect("a family").name,
            layers: self.layers,
            width: self.width,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            rope_dim: Some(self.rope_dim),
            rope_scale: self.rope_scale,
            rope_factors: self.rope_factors,
            ff: self.ff,
            vocab: self.vocab,
            head_vocab: self.head_vocab,
            context: self.context,
            tied: self.tied,
            format: Format::F32,
            formats: Vec::new(),
            biases: self.biases.iter().map(|name| bias(name)).collect(),
            seed: self.seed,
        }
    }
}

fn bias(name: &str) -> Role {
    let names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "output"];
    let at = names.iter().position(|known| *known == name);
    BIASES[at.unwrap_or_else(|| panic!("there is no bias {name}"))]
}

/// Greedy rules that tell log-probabilities.
fn telling() -> Rules {
    Rules { logprobs: true, ..Rules::default() }
}

/// Generates greedily: ids with their log-probabilities.
fn said(generator: &mut Generator<impl paceline::round::Engine>, case: &Case) -> Vec<(u32, f32)> {
    let options = Options { max_tokens: case.said.len(), rules: telling(), ..Options::default() };
    generator.start(&case.prompt, options).expect("a prompt that fits");
    let mut said = Vec::new();
    loop {
        match pollster::block_on(generator.step()).expect("a step") {
            Event::Prefill { .. } => {}
            Event::Tokens { tokens, logprobs, .. } => said.extend(tokens.into_iter().zip(logprobs)),
            Event::Finished(_) => return said,
        }
    }
}

#[test]
fn every_family_says_what_the_papers_compute() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/forward.json")).expect("cases");
    assert!(BIASES.iter().all(|role| cases.iter().any(|case| case.tiny().biases.contains(role))));
    let has =
        |family: &str, of: &dyn Fn(&Case) -> bool| cases.iter().any(|case| case.family == family && of(case));
    assert!(has("gemma3", &|case| case.layers > 1 && case.rope_scale != 1.0 && case.rope_factors));
    assert!(has("phi3", &|case| case.rope_factors && case.context < 32));
    assert!(has("phi3", &|case| case.rope_factors && case.context > 32));
    for device in DEVICES {
        for case in &cases {
            let mut generator = Generator::new(engine(device, &case.tiny().gguf(), None));
            let said = said(&mut generator, case);
            let ids = |said: &[(u32, f32)]| said.iter().map(|(id, _)| *id).collect::<Vec<_>>();
            assert_eq!(ids(&said), ids(&case.said), "{device:?}, {case:?}");
            for ((_, found), (_, expected)) in said.iter().zip(&case.said) {
                assert!((found - expected).abs() < 2e-3, "{device:?}, {case:?}: {found}, not {expected}");
            }
        }
    }
}

/// The first token's log-probability follows from a cache that is as long as the prompt.
#[test]
fn half_precision_caches_round_what_the_papers_compute() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/forward.json")).expect("cases");
    let mut rounded = 0;
    for case in &cases {
        let first = |kv_cache| {
            let mut generator = Generator::new(engine_of(Device::Cpu, &case.tiny().gguf(), None, kv_cache));
            said(&mut generator, case)[0]
        };
        let (single, half) = (first(CacheType::F32), first(CacheType::F16));
        rounded += usize::from(single.1 != half.1);
        if single.0 == half.0 {
            assert!((single.1 - half.1).abs() < 2e-2, "{case:?}: {half:?}, not {single:?}");
        }
    }
    assert!(rounded > cases.len() / 2, "{rounded} of {} are other numbers", cases.len());
}
