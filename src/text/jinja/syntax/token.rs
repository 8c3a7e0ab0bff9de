//! The tokens of a template.

use std::borrow::Cow;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Data(String),
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name(Arc<str>),
    Str(String),
    Int(i64),
    Float(f64),
    Operator(&'static str),
    End,
}

/// A token and its line.
pub(super) type Placed = (Token, u32);

/// Where in a template a token is: for the errors of the parser.
pub(super) fn describe(token: &Token) -> Cow<'static, str> {
    match token {
        Token::Data(_) => "template data / text".into(),
        Token::BlockBegin => "begin of statement block".into(),
        Token::BlockEnd => "end of statement block".into(),
        Token::VariableBegin => "begin of print statement".into(),
        Token::VariableEnd => "end of print statement".into(),
        Token::Name(name) => name.to_string().into(),
        Token::Str(text) => text.clone().into(),
        Token::Int(int) => int.to_string().into(),
        Token::Float(float) => float.to_string().into(),
        Token::Operator(operator) => (*operator).into(),
        Token::End => "end of template".into(),
    }
}
