//! A template's text as tokens, with Jinja2's rules for the white space around tags.

use super::escapes::unescape;
use super::token::{Placed, Token};
use crate::text::jinja::python::characters::is_space;
use crate::text::jinja::{Error, Result, fail};
use std::borrow::Cow;

const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";",
];

pub(super) fn tokenize(source: &str) -> Result<Vec<Placed>> {
    let source = with_newlines(source);
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut lexer = Lexer { source, position: 0, line: 1, tokens: Vec::new() };
    while lexer.position < source.len() {
        lexer.text().map_err(|error| error.at(lexer.line))?;
    }
    lexer.push(Token::End);
    Ok(lexer.tokens)
}

/// Every end of a line as `\n`.
fn with_newlines(source: &str) -> Cow<'_, str> {
    if !source.contains('\r') {
        return Cow::Borrowed(source);
    }
    Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
}

#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Raw,
    Comment,
    Block,
    Variable,
}

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    line: u32,
    tokens: Vec<Placed>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.position..]
    }

    fn push(&mut self, token: Token) {
        self.tokens.push((token, self.line));
    }

    fn advance(&mut self, bytes: usize) -> &'s str {
        let passed = &self.rest()[..bytes];
        self.line += newlines(passed);
        self.position += bytes;
        passed
    }

    fn data(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(Token::Data(text.into()));
        }
    }

    /// Text up to the next tag, and that tag.
    fn text(&mut self) -> Result<()> {
        let rest = self.rest();
        let tag = rest.match_indices('{').find_map(|(at, _)| Some((at, opening(&rest[at..])?)));
        let Some((at, (tag, sign, length))) = tag else {
            self.data(rest);
            self.advance(rest.len());
            return Ok(());
        };
        self.text_before(at, sign, tag != Tag::Variable);
        match tag {
            Tag::Raw => {
                self.advance(length);
                self.raw()
            }
            Tag::Comment => {
                self.advance(length);
                self.comment()
            }
            Tag::Block => {
                self.push(Token::BlockBegin);
                self.advance(length);
                self.expression(block_end, Token::BlockEnd)
            }
            Tag::Variable => {
                self.push(Token::VariableBegin);
                self.advance(length);
                self.expression(variable_end, Token::VariableEnd)
            }
        }
    }

    /// The text before a tag: `-` takes the white space before the tag away, and so does a tag that is the first
    /// thing in its line, unless it prints or has a `+`.
    fn text_before(&mut self, bytes: usize, sign: Option<char>, strip_line: bool) {
        let text = &self.rest()[..bytes];
        let starts_line =
            self.source[..self.position].is_empty() || self.source[..self.position].ends_with('\n');
        let line_start = text.rfind('\n').map(|at| at + 1);
        let kept = match (sign, line_start) {
            (Some('-'), _) => text.trim_end_matches(is_space),
            (None, _) if !strip_line => text,
            (None, Some(start)) if text[start..].chars().all(is_space) => &text[..start],
            (None, None) if starts_line && text.chars().all(is_space) => "",
            _ => text,
        };
        self.data(kept);
        self.advance(bytes);
    }

    fn comment(&mut self) -> Result<()> {
        let rest = self.rest();
        let Some(end) = rest.find("#}") else { return fail("Missing end of comment tag") };
        let sign = rest[..end].chars().next_back().filter(|sign| "+-".contains(*sign));
        self.advance(end + 2);
        self.after_end(sign);
        Ok(())
    }

    /// What a closing tag takes from the text after it.
    fn after_end(&mut self, sign: Option<char>) {
        let rest = self.rest();
        let taken = match sign {
            Some('-') => rest.len() - rest.trim_start_matches(is_space).len(),
            Some(_) => 0,
            None => usize::from(rest.starts_with('\n')),
        };
        self.advance(taken);
    }

    fn raw(&mut self) -> Result<()> {
        let rest = self.rest();
        let end = rest.match_indices("{%").find_map(|(at, _)| {
            let (sign, inside) = signed(&rest[at + 2..]);
            let inside = word(inside, "endraw")?;
            let closing = block_end(inside)?;
            Some((at, sign, closing, rest.len() - inside.len()))
        });
        let Some((at, sign, closing, end)) = end else { return fail("Missing end of raw directive") };
        self.text_before(at, sign, true);
        let length = end - at;
        self.advance(length + closing);
        Ok(())
    }

    /// The tokens of a tag, up to its end, which must be outside all brackets.
    fn expression(&mut self, end: fn(&str) -> Option<usize>, closing: Token) -> Result<()> {
        let mut brackets = Vec::new();
        loop {
            let rest = self.rest();
            if brackets.is_empty()
                && let Some(length) = end(rest)
            {
                self.push(closing);
                self.advance(length);
                return Ok(());
            }
            let Some(character) = rest.chars().next() else { return Ok(()) };
            if is_space(character) {
                self.advance(rest.len() - rest.trim_start_matches(is_space).len());
            } else if let Some(length) = number(rest, self.source[..self.position].ends_with('.')) {
                self.number(length)?;
            } else if is_word(character) {
                let name = &rest[..rest.len() - rest.trim_start_matches(is_word).len()];
                if !character.is_alphabetic() && character != '_' {
                    return fail("Invalid character in identifier");
                }
                self.push(Token::Name(name.into()));
                self.advance(name.len());
            } else if let Some(length) = string(rest) {
                let text = unescape(&rest[1..length - 1])?;
                self.push(Token::Str(text));
                self.advance(length);
            } else if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
                balance(&mut brackets, operator)?;
                self.push(Token::Operator(operator));
                self.advance(operator.len());
            } else {
                return fail(format!("unexpected char {character:?}"));
            }
        }
    }

    fn number(&mut self, length: usize) -> Result<()> {
        let written: String = self.rest()[..length].replace('_', "").to_ascii_lowercase();
        let parsed = match written.as_bytes() {
            [b'0', b'x', ..] => i64::from_str_radix(&written[2..], 16).ok(),
            [b'0', b'o', ..] => i64::from_str_radix(&written[2..], 8).ok(),
            [b'0', b'b', ..] => i64::from_str_radix(&written[2..], 2).ok(),
            _ => written.parse().ok(),
        };
        let token = match parsed {
            Some(int) => Token::Int(int),
            None if written.contains(['.', 'e']) && !written.starts_with("0x") => {
                let Ok(float) = written.parse() else { return fail(format!("{written} is no number")) };
                Token::Float(float)
            }
            None => return fail(format!("the number {written} is too large")),
        };
        self.push(token);
        self.advance(length);
        Ok(())
    }
}

fn newlines(text: &str) -> u32 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u32
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The sign at the start of `text`, if there is one, and what follows.
fn signed(text: &str) -> (Option<char>, &str) {
    match text.chars().next() {
        Some(sign @ ('-' | '+')) => (Some(sign), &text[1..]),
        _ => (None, text),
    }
}

/// What follows `name` with white space around it.
fn word<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let text = text.trim_start_matches(is_space).strip_prefix(name)?;
    Some(text.trim_start_matches(is_space))
}

/// The tag that `text` opens with, its sign and its length.
fn opening(text: &str) -> Option<(Tag, Option<char>, usize)> {
    let tag = match text.as_bytes().get(1)? {
        b'%' => Tag::Block,
        b'#' => Tag::Comment,
        b'{' => Tag::Variable,
        _ => return None,
    };
    let (sign, inside) = signed(&text[2..]);
    if tag == Tag::Block
        && let Some(rest) = word(inside, "raw")
    {
        if let Some(after) = rest.strip_prefix("-%}") {
            return Some((Tag::Raw, sign, text.len() - after.trim_start_matches(is_space).len()));
        }
        if let Some(after) = rest.strip_prefix("%}") {
            return Some((Tag::Raw, sign, text.len() - after.len()));
        }
    }
    Some((tag, sign, text.len() - inside.len()))
}

/// The length of the end of a block that `text` starts with, and of what it takes from the text after it.
fn block_end(text: &str) -> Option<usize> {
    let after = if let Some(after) = text.strip_prefix("-%}") {
        after.trim_start_matches(is_space)
    } else if let Some(after) = text.strip_prefix("+%}") {
        after
    } else {
        let after = text.strip_prefix("%}")?;
        after.strip_prefix('\n').unwrap_or(after)
    };
    Some(text.len() - after.len())
}

fn variable_end(text: &str) -> Option<usize> {
    let after = match text.strip_prefix("-}}") {
        Some(after) => after.trim_start_matches(is_space),
        None => text.strip_prefix("}}")?,
    };
    Some(text.len() - after.len())
}

/// The length of the string literal that `text` starts with.
fn string(text: &str) -> Option<usize> {
    let quote = text.bytes().next().filter(|quote| b"'\"".contains(quote))?;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if byte == quote {
            return Some(at + 1);
        }
    }
    None
}

/// The length of `(digits_)*digits` at the start of `text`.
fn digits(text: &str, is_digit: fn(&u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    loop {
        let run = bytes[length..].iter().take_while(|byte| is_digit(byte)).count();
        if run == 0 {
            return length.saturating_sub(1);
        }
        length += run;
        if bytes.get(length) != Some(&b'_') {
            return length;
        }
        length += 1;
    }
}

/// The length of the number that `text` starts with.
fn number(text: &str, after_dot: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let whole = digits(text, u8::is_ascii_digit);
    if !after_dot {
        let mut length = whole;
        if text[length..].starts_with('.') {
            let fraction = digits(&text[length + 1..], u8::is_ascii_digit);
            length += if fraction > 0 { 1 + fraction } else { 0 };
        }
        if text[length..].starts_with(['e', 'E']) {
            let signed = usize::from(text[length + 1..].starts_with(['+', '-']));
            let exponent = digits(&text[length + 1 + signed..], u8::is_ascii_digit);
            length += if exponent > 0 { 1 + signed + exponent } else { 0 };
        }
        if length > whole {
            return Some(length);
        }
    }
    let is_digit: fn(&u8) -> bool = match bytes.get(1).map(u8::to_ascii_lowercase) {
        Some(b'x') => u8::is_ascii_hexdigit,
        Some(b'o') => |byte| (b'0'..=b'7').contains(byte),
        Some(b'b') => |byte| (b'0'..=b'1').contains(byte),
        _ => |_| false,
    };
    if bytes[0] == b'0' {
        let rest = text.get(2..).unwrap_or_default();
        let underscore = usize::from(rest.starts_with('_'));
        let prefixed = digits(&rest[underscore..], is_digit);
        if prefixed > 0 {
            return Some(2 + underscore + prefixed);
        }
        return Some(digits(text, |byte| *byte == b'0'));
    }
    Some(whole)
}

fn balance(brackets: &mut Vec<&'static str>, operator: &str) -> Result<()> {
    match operator {
        "(" => brackets.push(")"),
        "[" => brackets.push("]"),
        "{" => brackets.push("}"),
        ")" | "]" | "}" => match brackets.pop() {
            None => return fail(format!("unexpected '{operator}'")),
            Some(expected) if expected != operator => {
                return fail(format!("unexpected '{operator}', expected '{expected}'"));
            }
            Some(_) => {}
        },
        _ => {}
    }
    Ok(())
}

impl Error {
    /// An error at `line`.
    pub(super) fn syntax(message: impl Into<String>, line: u32) -> Self {
        Self { message: message.into(), line: Some(line) }
    }
}
