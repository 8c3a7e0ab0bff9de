//! Jinja for chat templates, as `transformers` sets up Jinja2: the immutable sandbox, `trim_blocks`,
//! `lstrip_blocks`, loop controls, `{% generation %}`, and Python's values underneath, since templates lean on
//! them (`'%s' % x`, `x.rsplit(':', 1)`, `{{ none }}`). Templates are untrusted: their work, their memory and the
//! depth of their nesting are bounded.

mod arguments;
mod ast;
mod compare;
mod escapes;
mod filters;
mod format_spec;
mod fuel;
mod functions;
mod interpreter;
mod lexer;
mod looping;
mod methods;
mod numbers;
mod operators;
mod parser;
mod percent;
mod python_json;
mod repr;
mod scope;
mod str_case;
mod str_format;
mod str_methods;
mod subscript;
mod tests_of;
mod token;
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
pub(super) struct Template(Arc<[ast::Statement]>);

impl Template {
    pub(super) fn parse(source: &str) -> Result<Self> {
        parser::parse(lexer::tokenize(source)?).map(|body| Self(body.into()))
    }

    /// The text for `variables`; more work or memory than `fuel` is an error.
    pub(super) fn render(&self, variables: Vec<(&str, Value)>, fuel: Fuel) -> Result<String> {
        interpreter::render(&self.0, variables, fuel)
    }
}
