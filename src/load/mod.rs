//! From bytes to an engine: opens the files, checks that they fit together, then loads the weights.

mod any;
mod tuning;

use std::rc::Rc;

pub use any::{AnyDraft, AnyEngine};
pub use tuning::Tuning;

use crate::gguf::{Header, Stream};
use crate::model::{self, CacheType, Config, Draft, Model};
use crate::round::{self, Engine};
use crate::source::ByteSource;
use crate::text::{self, ChatTemplate, Message, Tokenizer};
use crate::{Error, cpu, gpu};

/// Context length where neither the caller nor the model asks for less, in tokens.
pub const DEFAULT_CAPACITY: usize = 2048;

/// Where to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Device {
    /// The GPU where there is a hardware adapter, otherwise the CPU: on a software adapter the CPU engine is
    /// several times faster.
    #[default]
    Auto,
    /// WebGPU, on a software adapter too.
    WebGpu,
    /// The CPU.
    Cpu,
}

impl std::str::FromStr for Device {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "auto" => Ok(Self::Auto),
            "webgpu" => Ok(Self::WebGpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(Error::UnknownDevice(name.into())),
        }
    }
}

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Where to run.
    pub device: Device,
    /// Longest context in tokens; `None` is [`DEFAULT_CAPACITY`]. Never more than the target was trained for.
    pub capacity: Option<usize>,
    /// Threads on the CPU; `None` is [`cpu::team::default_threads`]. The same text comes out whatever their number.
    pub threads: Option<usize>,
    /// In what the KV caches of target and draft keep their numbers.
    pub kv_cache: CacheType,
    /// Whether [`Loaded::compile`] does so; `None` leaves it to the adapter. A software adapter compiles longer than most
    /// generations take, and most of what it would compile they never need.
    pub precompile: Option<bool>,
    /// What earlier starts found out ([`Loaded::tuning`]).
    pub tuning: Tuning,
}

/// What a file's header says about the model in it.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// `general.name`, empty where the file has none.
    pub name: String,
    /// Hyper-parameters.
    pub config: Config,
}

/// What was loaded.
pub struct Loaded {
    /// Target and draft, ready to decode; what a generation needs is compiled when it is first needed, or by
    /// [`Loaded::compile`] before.
    pub engine: AnyEngine,
    /// What is known about adapters now: keep it for the next load. What a generator then learns
    /// ([`Generator::knowledge`](crate::decode::Generator::knowledge)) belongs to [`pair`](Self::pair) in it.
    pub tuning: Tuning,
    /// The name of target and draft on this device, for this version of the engine.
    pub pair: String,
    /// Their tokenizer.
    pub tokenizer: Tokenizer,
    /// The target's chat template. Its absence is an error only for those who want to chat.
    pub template: Result<ChatTemplate, text::Error>,
    /// The target's file.
    pub target: About,
    /// The draft's file, if there is one.
    pub draft: Option<About>,
    /// Why [`Device::Auto`] did not take the GPU.
    pub fallback: Option<String>,
    /// What a user should know about how the target's file was understood, in sentences.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Compiles what generations can need, so that none of them waits for it, where `options` want that.
    /// `progress(done, total)` counts kernels and returns `false` to abort.
    ///
    /// # Errors
    /// As [`AnyEngine::compile`].
    pub async fn compile(
        &mut self,
        options: &LoadOptions,
        progress: impl FnMut(usize, usize) -> bool,
    ) -> Result<(), Error> {
        let wanted = options.precompile.unwrap_or(!self.engine.info().software);
        if wanted { self.engine.compile(progress).await } else { Ok(()) }
    }

    /// Token ids of a conversation, ready for the assistant's answer.
    ///
    /// # Errors
    /// [`text::Error::NoTemplate`], [`text::Error::Template`].
    pub fn chat_ids(&self, messages: &[Message]) -> Result<Vec<u32>, text::Error> {
        let template = self.template.as_ref().map_err(text::Error::of_template)?;
        self.tokenizer.encode(&template.render(messages)?)
    }
}

/// A file whose header has been read and understood.
struct Opened<S, M> {
    stream: Stream<S>,
    model: M,
}

impl<S: ByteSource, M> Opened<S, M> {
    async fn open(
        sources: Vec<S>,
        describe: impl FnOnce(&Header) -> Result<M, model::Error>,
    ) -> Result<(Self, Tokenizer), Error> {
        let stream = Stream::open_shards(sources).await?;
        let model = describe(stream.header())?;
        let tokenizer = Tokenizer::from_metadata(&stream.header().metadata)?;
        Ok((Self { stream, model }, tokenizer))
    }

    /// What tells its model from others: a name, and how many bytes the weights have.
    fn identity(&self) -> String {
        let header = self.stream.header();
        let bytes: u64 = header.tensors.iter().map(|tensor| tensor.bytes()).sum();
        format!("{} ({bytes} bytes)", header.metadata.label("general.name"))
    }

    fn about(&self, config: impl FnOnce(&M) -> &Config) -> About {
        let name = self.stream.header().metadata.label("general.name");
        About { name, config: config(&self.model).clone() }
    }
}

impl<S: ByteSource> Opened<S, Draft> {
    /// Opens a draft that proposes for `target` in the language of `tokenizer`.
    async fn open_for(sources: Vec<S>, target: &Config, tokenizer: &Tokenizer) -> Result<Self, Error> {
        let describe = |header: &Header| Draft::describe(header, target);
        let (draft, own) = Self::open(sources, describe).await.map_err(Error::of_draft)?;
        own.compatible(tokenizer).map_err(Error::TokenizerMismatch)?;
        let model = draft.model.beside(target).map_err(round::Error::DraftMismatch)?;
        Ok(Self { model, ..draft })
    }

    async fn load_gpu(&mut self, target: &gpu::Model) -> Result<Rc<gpu::Model>, Error> {
        let loading = gpu::Model::load_draft(&mut self.stream, &self.model, target);
        Ok(Rc::new(loading.await.map_err(Error::of_draft)?))
    }

    async fn load_cpu(&mut self, target: &cpu::Model, capacity: usize) -> Result<Rc<cpu::Draft>, Error> {
        let loading = cpu::Draft::load(&mut self.stream, &self.model, target, capacity);
        let mut draft = loading.await.map_err(Error::of_draft)?;
        draft.set_team(target.team().clone());
        Ok(Rc::new(draft))
    }
}

impl<S: ByteSource> Opened<S, Model> {
    /// What a user should know about how the file was understood.
    fn warnings(&self, tokenizer: &Tokenizer) -> Vec<String> {
        let (tokens, rows) = (tokenizer.vocab_size(), self.model.config.vocab);
        let beyond = format!(
            "the tokenizer has {tokens} tokens and the model's embedding {rows} rows: a text with a token from {rows} on is \
             refused, and none is ever generated"
        );
        let beyond = (tokens > rows).then_some(beyond);
        tokenizer.warnings().iter().cloned().chain(beyond).collect()
    }

    async fn load_gpu<D: ByteSource>(
        &mut self,
        draft: Option<&mut Opened<D, Draft>>,
        device: &Rc<gpu::Device>,
        tuning: &mut gpu::Tuning,
        (capacity, kv_cache): (usize, CacheType),
    ) -> Result<gpu::Session, Error> {
        let mut shapes = gpu::Model::shapes(self.stream.header(), &self.model);
        if let Some(draft) = &draft {
            shapes = shapes.and(gpu::Model::draft_shapes(draft.stream.header(), &draft.model));
        }
        let choice = gpu::choose_kernels(device, tuning, &shapes).await?;
        let target = gpu::Model::load(device, &mut self.stream, &self.model, choice, capacity).await?;
        let small = match draft {
            None => None,
            Some(draft) => Some(draft.load_gpu(&target).await?),
        };
        Ok(gpu::Session::with_kv_cache(Rc::new(target), small, kv_cache)?)
    }

    async fn load_cpu<D: ByteSource>(
        &mut self,
        draft: Option<&mut Opened<D, Draft>>,
        (capacity, kv_cache): (usize, CacheType),
        team: cpu::Team,
    ) -> Result<cpu::Session, Error> {
        let mut target = cpu::Model::load(&mut self.stream, &self.model, capacity).await?;
        target.set_team(team);
        let small = match draft {
            None => None,
            Some(draft) => Some(draft.load_cpu(&target, capacity).await?),
        };
        Ok(cpu::Session::with_kv_cache(Rc::new(target), small, capacity, kv_cache))
    }
}

/// Loads a target, and a draft if there is one, each from one file. Both headers are checked before the first weight is
/// read.
///
/// Wrap the sources in [`crate::source::Observed`] for progress and abort.
///
/// # Errors
/// As [`load_shards`].
pub async fn load<T: ByteSource, D: ByteSource>(
    target: T,
    draft: Option<D>,
    options: &LoadOptions,
) -> Result<Loaded, Error> {
    load_shards(vec![target], draft.map(|source| vec![source]), options).await
}

/// As [`load`], from models that may be split over several files: all of them, in any order.
///
/// # Errors
/// Everything that can be wrong with a file; those of the draft are wrapped in [`Error::Draft`], except
/// [`Error::TokenizerMismatch`] and [`round::Error::DraftMismatch`].
pub async fn load_shards<T: ByteSource, D: ByteSource>(
    target: Vec<T>,
    draft: Option<Vec<D>>,
    options: &LoadOptions,
) -> Result<Loaded, Error> {
    let (mut target, tokenizer) = Opened::open(target, Model::describe).await?;
    let mut draft = match draft {
        Some(sources) => Some(Opened::open_for(sources, &target.model.config, &tokenizer).await?),
        None => None,
    };
    let capacity = options.capacity.unwrap_or(DEFAULT_CAPACITY).min(target.model.config.context);
    let caches = (capacity, options.kv_cache);

    let mut tuning = options.tuning.clone();
    let (gpu, fallback) = open_gpu(options.device).await?;
    let engine = match gpu {
        Some(device) => {
            AnyEngine::Gpu(target.load_gpu(draft.as_mut(), &device, &mut tuning.kernels, caches).await?)
        }
        None => {
            let team = cpu::Team::new(options.threads.unwrap_or_else(cpu::team::default_threads));
            AnyEngine::Cpu(target.load_cpu(draft.as_mut(), caches, team).await?)
        }
    };
    let template = ChatTemplate::from_metadata(&target.stream.header().metadata);
    let info = engine.info();
    let (device, drafts) =
        (format!("{} {}", info.device, info.adapter), draft.as_ref().map(Opened::identity));
    let pair = tuning::pair(&device, &target.identity(), drafts.as_deref());
    let about = target.about(|model| &model.config);
    let draft = draft.map(|draft| draft.about(|draft| &draft.config));
    let warnings = target.warnings(&tokenizer);
    Ok(Loaded { engine, tokenizer, template, target: about, draft, tuning, pair, fallback, warnings })
}

/// Loads a draft for the target of `engine`, whose tokenizer is `tokenizer`: for [`Engine::replace_draft`].
///
/// # Errors
/// As those of [`load_shards`] that are about the draft.
pub async fn load_draft<D: ByteSource>(
    sources: Vec<D>,
    engine: &AnyEngine,
    tokenizer: &Tokenizer,
) -> Result<AnyDraft, Error> {
    let mut draft = Opened::open_for(sources, engine.config(), tokenizer).await?;
    Ok(match engine {
        AnyEngine::Cpu(e) => AnyDraft::Cpu(draft.load_cpu(e.target(), e.capacity()).await?),
        AnyEngine::Gpu(e) => AnyDraft::Gpu(draft.load_gpu(e.target()).await?),
    })
}

/// The GPU, if that is where to run; or why [`Device::Auto`] does not run there.
async fn open_gpu(device: Device) -> Result<(Option<Rc<gpu::Device>>, Option<String>), Error> {
    if device == Device::Cpu {
        return Ok((None, None));
    }
    let opened = gpu::Device::open(gpu::DeviceOptions::default()).await;
    if device == Device::WebGpu {
        return Ok((Some(opened?), None));
    }
    Ok(match opened {
        Ok(device) if device.is_software() => {
            (None, Some("the only WebGPU adapter is a software one, slower than the CPU engine".into()))
        }
        Ok(device) => (Some(device), None),
        Err(error) => (None, Some(error.to_string())),
    })
}
