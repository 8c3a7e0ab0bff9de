//! The chat template that a GGUF file carries (Jinja), rendered by `minijinja`.

use super::Error;
use crate::gguf::Metadata;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// A compiled template.
pub struct ChatTemplate {}

impl ChatTemplate {
    /// Compiles `tokenizer.chat_template`.
    pub fn from_metadata(_metadata: &Metadata) -> Result<Self, Error> {
        todo!()
    }

    /// The prompt for `messages`, ready for the assistant's answer (`add_generation_prompt`).
    pub fn render(&self, _messages: &[Message]) -> Result<String, Error> {
        todo!()
    }
}
