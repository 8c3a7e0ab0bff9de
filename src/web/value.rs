//! The plain objects that cross the border: the Rust side of `types.ts`, `protocol.ts` and `backend.ts`.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use super::error::Error;
use crate::decode::{self, FinishReason};
use crate::load::{About, Tuning};
use crate::model::Config;
use crate::round::{EngineInfo, Rules};
use crate::sampling::Sampling;
use crate::text::Message;
use crate::verify::{self, Lenience};

/// `BackendLoadOptions`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadOptions {
    pub device: String,
    pub capacity: Option<usize>,
    pub threads: usize,
    pub kv_cache: Option<String>,
    pub precompile: Option<bool>,
    pub tuning: Option<Tuning>,
}

/// `BackendGenerateOptions`. What is absent has the default of the command line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerateOptions {
    pub max_tokens: Option<usize>,
    pub gamma: Option<Gamma>,
    pub drafter: Option<String>,
    pub in_flight: Option<usize>,
    seed: Option<u64>,
    temperature: Option<f32>,
    top_k: Option<u32>,
    top_p: Option<f32>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    penalty_window: Option<u32>,
    logit_bias: Option<Vec<(u32, f32)>>,
    verify: Option<String>,
    lossy: Option<Lenience>,
    confidence: Option<f32>,
    logprobs: Option<bool>,
}

impl GenerateOptions {
    /// How tokens are chosen, up to one of `stop_ids`.
    pub fn rules(&self, stop_ids: &[u32]) -> Result<Rules, verify::Unknown> {
        let defaults = Rules::default();
        Ok(Rules {
            sampling: self.sampling(),
            verifier: self.verify.as_deref().map_or(Ok(defaults.verifier), verify::by_name)?,
            lenience: self.lossy,
            logprobs: self.logprobs.unwrap_or(defaults.logprobs),
            confidence: self.confidence.unwrap_or(defaults.confidence),
            stop_ids: stop_ids.to_vec(),
        })
    }

    /// Whether the same text must come out again: a seed was given for something that draws.
    pub fn reproducible(&self) -> bool {
        self.seed.is_some() && !self.sampling().is_greedy()
    }

    fn sampling(&self) -> Sampling {
        let defaults = Sampling::default();
        Sampling {
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            repeat_penalty: self.repeat_penalty.unwrap_or(defaults.repeat_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(defaults.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(defaults.frequency_penalty),
            penalty_window: self.penalty_window.unwrap_or(defaults.penalty_window),
            logit_bias: self.logit_bias.clone().unwrap_or_default(),
            seed: self.seed.unwrap_or_else(any_seed),
        }
    }
}

/// A seed that nobody chose.
fn any_seed() -> u64 {
    (js_sys::Math::random() * (1u64 << 53) as f64) as u64
}

/// A number of tokens, or `auto`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "gamma is neither a number of tokens nor 'auto'")]
pub(super) enum Gamma {
    Tokens(usize),
    Named(NamedGamma),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum NamedGamma {
    Auto,
}

impl From<&Gamma> for decode::Gamma {
    fn from(gamma: &Gamma) -> Self {
        match gamma {
            Gamma::Tokens(tokens) => Self::Fixed(*tokens),
            Gamma::Named(NamedGamma::Auto) => Self::Auto,
        }
    }
}

/// `Prompt`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum Prompt {
    Text { text: String },
    Ids { ids: Vec<u32> },
    Chat { messages: Vec<Message> },
}

/// `LoadProgress`.
#[derive(Serialize)]
pub(super) struct Progress {
    pub part: &'static str,
    pub phase: &'static str,
    pub loaded: u64,
    pub total: Option<u64>,
}

/// `EngineInfo`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Info {
    pub version: &'static str,
    #[serde(flatten)]
    pub engine: EngineInfo,
    #[serde(flatten)]
    pub abilities: decode::Abilities,
    pub fallback: Option<String>,
    pub warnings: Vec<String>,
    pub capacity: usize,
    pub max_gamma: usize,
    pub has_chat_template: bool,
    pub target: Model,
    pub draft: Option<Model>,
}

/// `ModelInfo`.
#[derive(Serialize)]
pub(super) struct Model {
    name: String,
    architecture: &'static str,
    layers: usize,
    width: usize,
    vocab: usize,
    context: usize,
}

impl Model {
    pub fn new(about: About) -> Self {
        let About { name, config } = about;
        let Config { family, width, vocab, context, plan, .. } = config;
        Self { name, architecture: family.name, layers: plan.layers.len(), width, vocab, context }
    }
}

/// `StepEvent`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum StepEvent {
    Prefill { done: usize, total: usize },
    Tokens { tokens: Vec<Token>, drafted: usize, stats: Stats },
    Finished { reason: FinishReason, rest: String, stats: Stats },
}

/// `Token`.
#[derive(Serialize)]
pub(super) struct Token {
    pub id: u32,
    pub text: String,
    pub accepted: bool,
    pub logprob: Option<f32>,
    pub bytes: Option<Vec<u8>>,
}

/// `Stats`, by the names of JavaScript.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", remote = "decode::Stats")]
struct StatsNames {
    prompt_tokens: usize,
    reused_tokens: usize,
    tokens: usize,
    rounds: usize,
    drafted: usize,
    accepted: usize,
    tested: usize,
    target_passes: usize,
    block_efficiency: f64,
    alpha_emp: Option<f64>,
    alpha_tf: Option<f64>,
    total_variation: Option<f64>,
    plan: decode::Plan,
    rounds_in_flight: usize,
    dispatches: u64,
    submits: u64,
    readbacks: u64,
    objects: u64,
    pages: u64,
    prefill_ms: f64,
    draft_ms: f64,
    verify_ms: f64,
    host_ms: f64,
    decode_ms: f64,
    tokens_per_second: f64,
}

/// [`decode::Stats`] on its way to JavaScript.
#[derive(Serialize)]
pub(super) struct Stats(#[serde(with = "StatsNames")] pub decode::Stats);

/// A plain object: maps are objects, `None` is `undefined`, 64-bit integers are numbers.
pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, Error> {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
    Ok(value.serialize(&serializer)?)
}

/// The reverse.
pub(super) fn from_js<T: serde::de::DeserializeOwned>(value: JsValue) -> Result<T, Error> {
    let value = serde_wasm_bindgen::Deserializer::from(value);
    Ok(serde_path_to_error::deserialize(value)?)
}
