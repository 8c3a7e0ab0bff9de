//! Jinja for chat templates, as `transformers` sets up Jinja2: the immutable sandbox, `trim_blocks`,
//! `lstrip_blocks`, loop controls, `{% generation %}`, and Python's values underneath, since templates lean on
//! them (`'%s' % x`, `x.rsplit(':', 1)`, `{{ none }}`). Templates are untrusted: their work, their memory and the
//! depth of their nesting are bounded.
//!
//! In layers, each of which knows those before it: `python`, `syntax`, `value`, `arguments`, `subscript`, `strings`,
//! `operators` and `methods`, `tests_of`, `filters`, `interpreter`.

mod arguments;
mod filters;
mod fuel;
mod interpreter;
mod methods;
mod operators;
mod python;
mod strings;
mod subscript;
mod syntax;
mod tests_of;
mod value;

#[cfg(test)]
mod deserialize;
#[cfg(test)]
mod tests;

pub(super) use fuel::Fuel;
pub(super) use value::Value;

use std::sync::Arc;

/// What a template or its rendering failed on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}{}", .line.map(|line| format!(" (line {line} of the template)")).unwrap_or_default())]
pub(super) struct Error {
    message: String,
    line: Option<u32>,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The error with the line it happened at, unless it knows one that is nearer.
    fn at(mut self, line: u32) -> Self {
        self.line.get_or_insert(line);
        self
    }
}

fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error { message: message.into(), line: None })
}

/// A template that compiles.
#[derive(Debug, Clone)]
pub(super) struct Template(Arc<[syntax::ast::Statement]>);

impl Template {
    pub(super) fn parse(source: &str) -> Result<Self> {
        syntax::parse(source).map(|body| Self(body.into()))
    }

    /// The text for `variables`; more work or memory than `fuel` is an error.
    pub(super) fn render(&self, variables: Vec<(&str, Value)>, fuel: Fuel) -> Result<String> {
        interpreter::render(&self.0, variables, fuel)
    }
}
