//! Loading, and the handle that JavaScript holds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::error::Error;
use super::source::{ByteStream, StreamSource};
use super::value::{
    GenerateOptions, Info, LoadOptions, Model, Progress, Prompt, Stats, StepEvent, Token, from_js, to_js,
};
use crate::decode::{Abilities, Event, Gamma, Generator, Options};
use crate::drafters;
use crate::load::{self, AnyEngine, Loaded, Tuning};
use crate::model::CacheType;
use crate::round::{Engine as _, MemoryUse};
use crate::source::Observed;
use crate::text::{ChatTemplate, Message, TextStream, Tokenizer};

type Observer = Observed<StreamSource, Box<dyn FnMut(u64, Option<u64>) -> bool>>;

/// Loads a target, and a draft where there is one, each from all of its files. `on_progress` is called after every read.
#[wasm_bindgen]
pub async fn load(
    target: Vec<ByteStream>,
    draft: Option<Vec<ByteStream>>,
    #[wasm_bindgen(unchecked_param_type = "BackendLoadOptions")] options: JsValue,
    #[wasm_bindgen(unchecked_param_type = "(progress: LoadProgress) => void")] on_progress: js_sys::Function,
    signal: AbortSignal,
) -> Result<PacelineEngine, JsValue> {
    Ok(PacelineEngine::load(&target, draft.as_deref(), options, &on_progress, &signal).await?)
}

/// What the sequences of a loaded engine share.
struct Shared {
    tokenizer: Tokenizer,
    /// Or the error for those who want to chat.
    template: Result<ChatTemplate, JsValue>,
    info: JsValue,
    /// What is known, and the name of the models in it.
    tuning: RefCell<Tuning>,
    pair: String,
}

/// A sequence on a loaded engine. Calls may come while a step is awaited, except for `start`, `step` and `session`.
#[wasm_bindgen]
pub struct PacelineEngine {
    shared: Rc<Shared>,
    /// Away while a step is under way.
    generator: RefCell<Option<Generator<AnyEngine>>>,
    text: RefCell<TextStream>,
    /// When the last step ended.
    memory: Cell<MemoryUse>,
}

#[wasm_bindgen]
impl PacelineEngine {
    /// What runs, and on what.
    #[wasm_bindgen(unchecked_return_type = "EngineInfo")]
    pub fn info(&self) -> JsValue {
        self.shared.info.clone()
    }

    /// What start-up timing and generations found out, this sequence's the latest: the next load's `options.tuning`.
    #[wasm_bindgen(unchecked_return_type = "Tuning")]
    pub fn tuning(&self) -> Result<JsValue, JsValue> {
        self.remember();
        Ok(to_js(&*self.shared.tuning.borrow())?)
    }

    /// Memory in use.
    #[wasm_bindgen(unchecked_return_type = "SequenceMemory")]
    pub fn memory(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.memory.get())?)
    }

    /// Another, empty sequence on the same weights.
    pub fn session(&self) -> Result<PacelineEngine, JsValue> {
        self.remember();
        let generator = self.generator.borrow();
        let generator = generator.as_ref().ok_or(Error::Busy)?;
        let engine = generator.engine().another().map_err(Error::from)?;
        Ok(Self::new(Rc::clone(&self.shared), engine))
    }

    /// Token ids of `text`.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, JsValue> {
        Ok(self.shared.tokenizer.encode(text).map_err(Error::from)?)
    }

    /// Text of `ids`, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.shared.tokenizer.decode(ids)
    }

    /// The text that the model reads for a conversation.
    pub fn render(
        &self,
        #[wasm_bindgen(unchecked_param_type = "ChatMessage[]")] messages: JsValue,
    ) -> Result<String, JsValue> {
        self.render_messages(&from_js::<Vec<Message>>(messages)?)
    }

    /// Begins a generation, in the place of one that was left half-way, and gives the prompt's ids.
    pub fn start(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Prompt")] prompt: JsValue,
        #[wasm_bindgen(unchecked_param_type = "BackendGenerateOptions")] options: JsValue,
    ) -> Result<Vec<u32>, JsValue> {
        let options: GenerateOptions = from_js(options)?;
        let (prompt, stream) = match from_js(prompt)? {
            Prompt::Ids { ids } => (ids, TextStream::continuing()),
            Prompt::Text { text } => (self.encode(&text)?, TextStream::continuing()),
            Prompt::Chat { messages } => {
                (self.encode(&self.render_messages(&messages)?)?, TextStream::default())
            }
        };
        self.start_ids(&prompt, options)?;
        self.text.replace(stream);
        Ok(prompt)
    }

    /// Does the next bounded piece of work.
    #[wasm_bindgen(unchecked_return_type = "StepEvent")]
    pub async fn step(&self) -> Result<JsValue, JsValue> {
        let mut generator = self.generator.take().ok_or(Error::Busy)?;
        let event = generator.step().await;
        let stats = Stats(generator.stats());
        self.memory.set(generator.engine().memory());
        self.generator.replace(Some(generator));
        let event = match event.map_err(Error::from)? {
            Event::Prefill { done, total } => StepEvent::Prefill { done, total },
            Event::Tokens { tokens, accepted, drafted, logprobs, stopped } => {
                let mut stream = self.text.borrow_mut();
                let said = tokens.len() - usize::from(stopped);
                let token = |(i, id)| {
                    let text = if i < said { stream.push(&self.shared.tokenizer, id) } else { String::new() };
                    let logprob = logprobs.get(i).copied();
                    let bytes = if i < said { self.shared.tokenizer.token_bytes(id) } else { &[] };
                    Token {
                        id,
                        text,
                        accepted: i < accepted,
                        logprob,
                        bytes: logprob.map(|_| bytes.to_vec()),
                    }
                };
                StepEvent::Tokens {
                    tokens: tokens.into_iter().enumerate().map(token).collect(),
                    drafted,
                    stats,
                }
            }
            Event::Finished(reason) => {
                StepEvent::Finished { reason, rest: self.text.borrow_mut().finish(), stats }
            }
        };
        Ok(to_js(&event)?)
    }
}

impl PacelineEngine {
    async fn load(
        target: &[ByteStream],
        draft: Option<&[ByteStream]>,
        options: JsValue,
        on_progress: &js_sys::Function,
        signal: &AbortSignal,
    ) -> Result<Self, Error> {
        let options: LoadOptions = from_js(options)?;
        let options = load::LoadOptions {
            device: options.device.parse()?,
            capacity: options.capacity,
            threads: Some(options.threads),
            kv_cache: cache_type(options.kv_cache.as_deref())?,
            precompile: options.precompile,
            tuning: options.tuning.unwrap_or_default(),
        };
        let target = observe(target, "target", on_progress, signal)?;
        let draft = draft.map(|draft| observe(draft, "draft", on_progress, signal)).transpose()?;
        let mut loaded = load::load_shards(target, draft, &options).await?;
        let compiled = |done: usize, total: usize| {
            tell(on_progress, "target", "compile", done as u64, Some(total as u64));
            !signal.aborted()
        };
        loaded.compile(&options, compiled).await?;

        let Loaded { engine, tokenizer, template, target, draft, tuning, pair, fallback, warnings } = loaded;
        let info = Info {
            version: env!("CARGO_PKG_VERSION"),
            engine: engine.info(),
            abilities: Abilities::of(&engine),
            fallback,
            warnings,
            capacity: engine.capacity(),
            max_gamma: engine.max_proposal(),
            has_chat_template: template.is_ok(),
            target: Model::new(target),
            draft: draft.map(Model::new),
        };
        let shared = Shared {
            tokenizer,
            template: template.map_err(|error| Error::from(error).into()),
            info: to_js(&info)?,
            tuning: RefCell::new(tuning),
            pair,
        };
        Ok(Self::new(Rc::new(shared), engine))
    }

    fn new(shared: Rc<Shared>, engine: AnyEngine) -> Self {
        let memory = Cell::new(engine.memory());
        let mut generator = Generator::new(engine);
        let known = shared.tuning.borrow().rounds(&shared.pair).copied();
        known.iter().for_each(|known| generator.recall(known));
        Self { shared, generator: RefCell::new(Some(generator)), text: RefCell::default(), memory }
    }

    /// Keeps what the generations of this sequence found out, unless a step is under way.
    fn remember(&self) {
        if let Some(generator) = &*self.generator.borrow() {
            self.shared.tuning.borrow_mut().remember(&self.shared.pair, generator.knowledge());
        }
    }

    fn render_messages(&self, messages: &[Message]) -> Result<String, JsValue> {
        let template = self.shared.template.as_ref().map_err(JsValue::clone)?;
        Ok(template.render(messages).map_err(Error::from)?)
    }

    fn start_ids(&self, prompt: &[u32], options: GenerateOptions) -> Result<(), Error> {
        let mut generator = self.generator.borrow_mut();
        let generator = generator.as_mut().ok_or(Error::Busy)?;
        let drafter = if generator.engine().has_draft() { "ngram+model" } else { "ngram" };
        let defaults = Options::default();
        // No more than the context holds ever come; sums with the prompt stay within 32 bits.
        let capacity = generator.engine().capacity();
        let rules = options.rules(self.shared.tokenizer.stop_ids())?;
        generator.start(
            prompt,
            Options {
                max_tokens: options.max_tokens.unwrap_or(defaults.max_tokens).min(capacity),
                gamma: options.gamma.as_ref().map_or(Gamma::Auto, Gamma::from),
                drafter: drafters::by_name(options.drafter.as_deref().unwrap_or(drafter))?,
                rules,
                reproducible: options.reproducible(),
                in_flight: options.in_flight,
            },
        )?;
        Ok(())
    }
}

/// The cache type of that name, or the default.
fn cache_type(name: Option<&str>) -> Result<CacheType, Error> {
    Ok(name.map_or(Ok(CacheType::default()), str::parse).map_err(crate::Error::from)?)
}

fn tell(
    on_progress: &js_sys::Function,
    part: &'static str,
    phase: &'static str,
    loaded: u64,
    total: Option<u64>,
) {
    if let Ok(progress) = to_js(&Progress { part, phase, loaded, total }) {
        // A callback that throws does not spoil the load.
        let _ = on_progress.call1(&JsValue::NULL, &progress);
    }
}

/// The files of a model, with their progress told as that of `part`.
fn observe(
    files: &[ByteStream],
    part: &'static str,
    on_progress: &js_sys::Function,
    signal: &AbortSignal,
) -> Result<Vec<Observer>, Error> {
    let open = |file| StreamSource::new(file, signal.clone());
    let sources = files.iter().map(open).collect::<Result<Vec<_>, _>>().map_err(crate::Error::from)?;
    let (on_progress, signal) = (on_progress.clone(), signal.clone());
    let tell = move |loaded, total| {
        tell(&on_progress, part, "load", loaded, total);
        !signal.aborted()
    };
    Ok(Observed::all(sources, Box::new(tell) as Box<dyn FnMut(u64, Option<u64>) -> bool>))
}
