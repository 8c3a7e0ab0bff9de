//! The plain objects that cross the border: the Rust side of `types.ts`, `protocol.ts` and `backend.ts`.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use super::error::Error;
use crate::decode::engines::About;
use crate::decode::{self, FinishReason};
use crate::gpu;
use crate::model::Config;
use crate::text::Message;

/// `BackendLoadOptions`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadOptions {
    pub device: String,
    pub capacity: Option<usize>,
    pub tuning: Option<gpu::Tuning>,
}

/// `BackendGenerateOptions`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerateOptions {
    pub max_tokens: Option<usize>,
    pub gamma: Option<usize>,
    pub drafter: Option<String>,
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
    pub loaded: u64,
    pub total: Option<u64>,
}

/// `EngineInfo`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Info {
    pub version: &'static str,
    #[serde(flatten)]
    pub engine: decode::EngineInfo,
    pub fallback: Option<String>,
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
        let Config { family, layers, width, vocab, context, .. } = config;
        Self { name, architecture: family.name, layers, width, vocab, context }
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
    dispatches: u64,
    submits: u64,
    readbacks: u64,
    objects: u64,
    prefill_ms: f64,
    draft_ms: f64,
    verify_ms: f64,
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
    Ok(serde_wasm_bindgen::from_value(value)?)
}
