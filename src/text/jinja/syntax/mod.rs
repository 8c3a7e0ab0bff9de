//! What a template says: from its text to a tree.

pub mod ast;
mod escapes;
pub mod known;
mod lexer;
mod parser;
mod token;

use super::Result;

pub fn parse(source: &str) -> Result<ast::Body> {
    parser::parse(lexer::tokenize(source)?)
}
