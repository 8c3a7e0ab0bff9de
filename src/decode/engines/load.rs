//! From bytes to an engine: opens the files, checks that they fit together, then loads the weights.

use std::rc::Rc;

use super::{AnyEngine, CpuEngine, GpuEngine};
use crate::decode::Error as DecodeError;
use crate::gguf::{Header, Stream};
use crate::model::{self, Config, Draft, Model};
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
    type Err = DecodeError;

    fn from_str(name: &str) -> Result<Self, DecodeError> {
        match name {
            "auto" => Ok(Self::Auto),
            "webgpu" => Ok(Self::WebGpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(DecodeError::UnknownDevice(name.into())),
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
    /// What earlier starts found out about adapters ([`Loaded::tuning`]).
    pub tuning: gpu::Tuning,
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
    /// Target and draft, ready to decode.
    pub engine: AnyEngine,
    /// What is known about adapters now: keep it for the next load.
    pub tuning: gpu::Tuning,
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
}

impl Loaded {
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
    tokenizer: Tokenizer,
}

impl<S: ByteSource, M> Opened<S, M> {
    async fn open(
        source: S,
        describe: impl FnOnce(&Header) -> Result<M, model::Error>,
    ) -> Result<Self, Error> {
        let stream = Stream::open(source).await?;
        let model = describe(stream.header())?;
        let tokenizer = Tokenizer::from_metadata(&stream.header().metadata)?;
        Ok(Self { stream, model, tokenizer })
    }

    fn about(&self, config: impl FnOnce(&M) -> &Config) -> About {
        let name = self.stream.header().metadata.string("general.name").unwrap_or_default();
        About { name: name.into(), config: config(&self.model).clone() }
    }
}

impl<S: ByteSource> Opened<S, Model> {
    /// Opens a draft that proposes in this target's language.
    async fn open_draft<D: ByteSource>(&self, source: D) -> Result<Opened<D, Draft>, Error> {
        let describe = |header: &Header| Draft::describe(header, &self.model.config);
        let draft = Opened::open(source, describe).await.map_err(Error::of_draft)?;
        draft.tokenizer.compatible(&self.tokenizer).map_err(DecodeError::TokenizerMismatch)?;
        draft.model.fits(&self.model.config).map_err(DecodeError::DraftMismatch)?;
        Ok(draft)
    }

    async fn load_gpu<D: ByteSource>(
        &mut self,
        draft: Option<&mut Opened<D, Draft>>,
        device: &Rc<gpu::Device>,
        tuning: &mut gpu::Tuning,
        capacity: usize,
    ) -> Result<GpuEngine, Error> {
        let variant = gpu::choose_variant(device, tuning).await?;
        let target = gpu::Model::load(device, &mut self.stream, &self.model, variant, capacity).await?;
        let small = match draft {
            None => None,
            Some(draft) => {
                let loading = gpu::Model::load_draft(&mut draft.stream, &draft.model, &target);
                Some(Rc::new(loading.await.map_err(Error::of_draft)?))
            }
        };
        GpuEngine::new(Rc::new(target), small)
    }

    async fn load_cpu<D: ByteSource>(
        &mut self,
        draft: Option<&mut Opened<D, Draft>>,
        capacity: usize,
    ) -> Result<CpuEngine, Error> {
        let target = cpu::Model::load(&mut self.stream, &self.model, capacity).await?;
        let small = match draft {
            None => None,
            Some(draft) => {
                let loading = cpu::Draft::load(&mut draft.stream, &draft.model, &target, capacity);
                Some(Rc::new(loading.await.map_err(Error::of_draft)?))
            }
        };
        Ok(CpuEngine::new(Rc::new(target), small, capacity))
    }
}

/// Loads a target, and a draft if there is one. Both headers are checked before the first weight is read.
///
/// Wrap the sources in [`crate::source::Observed`] for progress and abort.
///
/// # Errors
/// Everything that can be wrong with a file; those of the draft are wrapped in [`Error::Draft`], except
/// [`DecodeError::TokenizerMismatch`] and [`DecodeError::DraftMismatch`].
pub async fn load<T: ByteSource, D: ByteSource>(
    target: T,
    draft: Option<D>,
    options: &LoadOptions,
) -> Result<Loaded, Error> {
    let mut target = Opened::open(target, Model::describe).await?;
    let mut draft = match draft {
        Some(source) => Some(target.open_draft(source).await?),
        None => None,
    };
    let capacity = options.capacity.unwrap_or(DEFAULT_CAPACITY).min(target.model.config.context);

    let mut tuning = options.tuning.clone();
    let (gpu, fallback) = open_gpu(options.device).await?;
    let engine = match gpu {
        Some(device) => {
            AnyEngine::Gpu(target.load_gpu(draft.as_mut(), &device, &mut tuning, capacity).await?)
        }
        None => AnyEngine::Cpu(target.load_cpu(draft.as_mut(), capacity).await?),
    };
    let template = ChatTemplate::from_metadata(&target.stream.header().metadata);
    let about = target.about(|model| &model.config);
    let draft = draft.map(|draft| draft.about(|draft| &draft.config));
    Ok(Loaded { engine, tokenizer: target.tokenizer, template, target: about, draft, tuning, fallback })
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
