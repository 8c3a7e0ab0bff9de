//! The target as learning needs it: on the CPU, with its tokenizer, its chat template and its file's metadata.

use std::path::Path;

use super::error::Error;
use crate::cpu;
use crate::gguf::{Metadata, Stream};
use crate::model;
use crate::source::ByteSource;
use crate::text::{self, ChatTemplate, Message, Tokenizer};

/// A loaded target.
pub struct Target {
    /// Weights, quantized as in the file.
    pub model: cpu::Model,
    /// The file's tokenizer.
    pub tokenizer: Tokenizer,
    /// The file's chat template; its absence is an error only for those who want to chat.
    pub template: Result<ChatTemplate, text::Error>,
    /// The file's metadata.
    pub metadata: Metadata,
}

impl Target {
    /// Loads a target for texts of at most `capacity` tokens (or as long as it was trained for, if that is less).
    ///
    /// # Errors
    /// Everything that can be wrong with a file.
    pub async fn load<S: ByteSource>(source: S, capacity: usize) -> Result<Self, Error> {
        Self::load_shards(vec![source], capacity).await
    }

    /// As [`Self::load`], from all files of a model, in any order.
    ///
    /// # Errors
    /// Everything that can be wrong with a file.
    pub async fn load_shards<S: ByteSource>(sources: Vec<S>, capacity: usize) -> Result<Self, Error> {
        let mut stream = Stream::open_shards(sources).await?;
        let description = model::Model::describe(stream.header())?;
        let metadata = stream.header().metadata.clone();
        let tokenizer = Tokenizer::from_metadata(&metadata)?;
        let template = ChatTemplate::from_metadata(&metadata);
        let capacity = capacity.min(description.config.context);
        let model = cpu::Model::load(&mut stream, &description, capacity).await?;
        Ok(Self { model, tokenizer, template, metadata })
    }

    /// As [`Self::load`], from a file.
    ///
    /// # Errors
    /// Everything that can be wrong with a file.
    pub async fn open(path: &Path, capacity: usize) -> Result<Self, Error> {
        Self::load(crate::source::FileSource::open(path)?, capacity).await
    }

    /// What the file calls itself.
    pub fn name(&self) -> String {
        Some(self.metadata.label("general.name")).filter(|name| !name.is_empty()).unwrap_or("model".into())
    }

    /// The chat template.
    ///
    /// # Errors
    /// [`text::Error::NoTemplate`], [`text::Error::Template`].
    pub fn template(&self) -> Result<&ChatTemplate, text::Error> {
        self.template.as_ref().map_err(text::Error::of_template)
    }

    /// Token ids of a question in a chat, ready for the answer.
    ///
    /// # Errors
    /// Those of the template and the tokenizer.
    pub fn question(&self, words: &str) -> Result<Vec<u32>, text::Error> {
        let message = Message { role: "user".into(), content: words.into() };
        self.tokenizer.encode(&self.template()?.render(&[message])?)
    }
}
