//! From bytes to an engine: opens the files, checks that they fit together, then loads the weights.

use super::{AnyEngine, CpuEngine};
use crate::decode::Error as DecodeError;
use crate::gguf::Stream;
use crate::model::Model;
use crate::source::ByteSource;
use crate::text::{self, ChatTemplate, Message, Tokenizer};
use crate::{Error, cpu};

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
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// Where to run.
    pub device: Device,
    /// Longest context in tokens; `None` is [`DEFAULT_CAPACITY`]. Never more than the target was trained for.
    pub capacity: Option<usize>,
}

/// What was loaded.
pub struct Loaded {
    /// Target and draft, ready to decode.
    pub engine: AnyEngine,
    /// Their tokenizer.
    pub tokenizer: Tokenizer,
    /// The target's chat template. Its absence is an error only for those who want to chat.
    pub template: Result<ChatTemplate, text::Error>,
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

    async fn load_cpu(&mut self, capacity: usize) -> Result<cpu::Model, Error> {
        Ok(cpu::Model::load(&mut self.stream, &self.model, capacity).await?)
    }

    /// Whether `draft` proposes in this target's language.
    fn check_draft<D>(&self, draft: &Opened<D>) -> Result<(), DecodeError> {
        let (target, small) = (&self.model.config, &draft.model.config);
        let mismatch = |why| Err(DecodeError::TokenizerMismatch(why));
        if self.tokenizer.fingerprint() != draft.tokenizer.fingerprint() {
            return mismatch("its vocabulary or its way of splitting text differs".into());
        }
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

    let engine = match options.device {
        Device::WebGpu => {
            return Err(crate::gpu::Error::NoAdapter("this build has no GPU engine".into()).into());
        }
        Device::Auto | Device::Cpu => {
            let model = target.load_cpu(capacity).await?;
            let small = match &mut draft {
                Some(draft) => Some(draft.load_cpu(capacity).await.map_err(Error::of_draft)?),
                None => None,
            };
            AnyEngine::Cpu(CpuEngine::new(model, small, capacity))
        }
    };
    let template = ChatTemplate::from_metadata(&target.stream.header().metadata);
    Ok(Loaded { engine, tokenizer: target.tokenizer, template })
}
