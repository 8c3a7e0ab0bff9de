//! From bytes to an engine: opens the files, checks that they fit together, then loads the weights.

use std::rc::Rc;

use super::{AnyEngine, CpuEngine, GpuEngine};
use crate::decode::Error as DecodeError;
use crate::gguf::Stream;
use crate::model::{Config, Model};
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
        let template = self.template.as_ref().map_err(|e| match e {
            text::Error::NoTemplate => text::Error::NoTemplate,
            other => text::Error::Template(other.to_string()),
        })?;
        self.tokenizer.encode(&template.render(messages)?)
    }
}

/// A file whose header has been read and understood.
struct Opened<S> {
    stream: Stream<S>,
    model: Model,
    tokenizer: Tokenizer,
}

impl<S: ByteSource> Opened<S> {
    async fn open(source: S) -> Result<Self, Error> {
        let stream = Stream::open(source).await?;
        let model = Model::describe(stream.header())?;
        let tokenizer = Tokenizer::from_metadata(&stream.header().metadata)?;
        Ok(Self { stream, model, tokenizer })
    }

    fn about(&self) -> About {
        let name = self.stream.header().metadata.string("general.name").unwrap_or_default();
        About { name: name.into(), config: self.model.config.clone() }
    }

    async fn load_gpu(
        &mut self,
        device: &Rc<gpu::Device>,
        variant: gpu::Variant,
        capacity: usize,
    ) -> Result<Rc<gpu::Model>, Error> {
        Ok(Rc::new(gpu::Model::load(device, &mut self.stream, &self.model, variant, capacity).await?))
    }

    async fn load_cpu(&mut self, capacity: usize) -> Result<cpu::Model, Error> {
        Ok(cpu::Model::load(&mut self.stream, &self.model, capacity).await?)
    }

    /// Whether `draft` proposes in this target's language.
    fn check_draft<D>(&self, draft: &Opened<D>) -> Result<(), DecodeError> {
        let (target, small) = (&self.model.config, &draft.model.config);
        let mismatch = |why| Err(DecodeError::TokenizerMismatch(why));
        draft.tokenizer.compatible(&self.tokenizer).map_err(DecodeError::TokenizerMismatch)?;
        if small.vocab < target.vocab {
            return mismatch(format!("it reads {} ids, the target {}", small.vocab, target.vocab));
        }
        if small.head_vocab > target.vocab {
            return mismatch(format!(
                "it predicts {} ids, the target has {}",
                small.head_vocab, target.vocab
            ));
        }
        Ok(())
    }
}

/// Loads a target, and a draft if there is one. Both headers are checked before the first weight is read.
///
/// Wrap the sources in [`crate::source::Observed`] for progress and abort.
///
/// # Errors
/// Everything that can be wrong with a file; those of the draft are wrapped in [`Error::Draft`], except
/// [`DecodeError::TokenizerMismatch`].
pub async fn load<T: ByteSource, D: ByteSource>(
    target: T,
    draft: Option<D>,
    options: &LoadOptions,
) -> Result<Loaded, Error> {
    let mut target = Opened::open(target).await?;
    let mut draft = match draft {
        Some(source) => Some(Opened::open(source).await.map_err(Error::of_draft)?),
        None => None,
    };
    if let Some(draft) = &draft {
        target.check_draft(draft)?;
    }
    let capacity = options.capacity.unwrap_or(DEFAULT_CAPACITY).min(target.model.config.context);

    let mut tuning = options.tuning.clone();
    let (gpu, fallback) = open_gpu(options.device).await?;
    let engine = match gpu {
        Some(device) => {
            let variant = gpu::choose_variant(&device, &mut tuning).await?;
            let model = target.load_gpu(&device, variant, capacity).await?;
            let small = match &mut draft {
                Some(draft) => {
                    Some(draft.load_gpu(&device, variant, capacity).await.map_err(Error::of_draft)?)
                }
                None => None,
            };
            AnyEngine::Gpu(GpuEngine::new(model, small)?)
        }
        None => {
            let model = Rc::new(target.load_cpu(capacity).await?);
            let small = match &mut draft {
                Some(draft) => Some(Rc::new(draft.load_cpu(capacity).await.map_err(Error::of_draft)?)),
                None => None,
            };
            AnyEngine::Cpu(CpuEngine::new(model, small, capacity))
        }
    };
    let template = ChatTemplate::from_metadata(&target.stream.header().metadata);
    let (about, draft) = (target.about(), draft.map(|draft| draft.about()));
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
