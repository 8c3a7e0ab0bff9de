//! Statements of a template, from its tokens.

mod expressions;

use super::ast::{Body, Expression, For, Macro, Statement, StatementKind, Suffix, Target};
use super::token::{Placed, Token, describe};
use crate::text::jinja::{Error, Result};
use std::sync::Arc;

/// Nesting of statements and expressions in one another; wasm stacks are small.
const DEPTH: usize = 80;

pub(super) fn parse(tokens: Vec<Placed>) -> Result<Body> {
    let mut parser =
        Parser { tokens, next: 0, depth: 0, soft: false, unknown: Vec::new(), loops: 0, names: Vec::new() };
    let body = parser.body(&[])?;
    match parser.unknown.into_iter().next() {
        Some(unknown) => Err(unknown),
        None => Ok(body),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    /// Whether an unknown filter or test fails only when it is used: in a branch.
    soft: bool,
    /// Filters and tests that there are not.
    unknown: Vec<Error>,
    /// Loops around this place.
    loops: usize,
    /// The names looked at so far.
    names: Vec<Arc<str>>,
}

impl Parser {
    fn token(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn after_next(&self) -> &Token {
        self.tokens.get(self.next + 1).map_or(&Token::End, |(token, _)| token)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |(_, line)| *line)
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Error::syntax(message, self.line()))
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T> {
        self.fail(format!("expected {expected}, got '{}'", describe(self.token())))
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.token(), Token::Name(found) if &**found == name)
    }

    fn is_operator(&self, operator: &str) -> bool {
        matches!(self.token(), Token::Operator(found) if *found == operator)
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.next += usize::from(found);
        found
    }

    fn skip_operator(&mut self, operator: &str) -> bool {
        let found = self.is_operator(operator);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<()> {
        if self.token() != token {
            return self.unexpected(&format!("'{}'", describe(token)));
        }
        self.next += 1;
        Ok(())
    }

    fn expect_operator(&mut self, operator: &'static str) -> Result<()> {
        self.expect(&Token::Operator(operator))
    }

    fn expect_name(&mut self) -> Result<Arc<str>> {
        let Token::Name(name) = self.token() else { return self.unexpected("a name") };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH {
            return self.fail("the template is nested too deeply");
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// With unknown filters and tests failing only when used, or at once.
    fn with_soft<T>(&mut self, soft: bool, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.soft, soft);
        let parsed = parse(self)?;
        self.soft = before;
        Ok(parsed)
    }

    /// Statements up to a tag of one of these names (its name is the next token then), or up to the end.
    fn body(&mut self, ends: &[&str]) -> Result<Body> {
        let mut body = Body::new();
        loop {
            let line = self.line();
            let kind = match self.token() {
                Token::End if ends.is_empty() => return Ok(body),
                Token::End => {
                    let ends = ends.join("' or '");
                    return self.fail(format!("unexpected end of template, expected the tag '{ends}'"));
                }
                Token::Data(text) => {
                    let text = text.clone();
                    self.next += 1;
                    StatementKind::Text(text)
                }
                Token::VariableBegin => {
                    self.next += 1;
                    let printed = self.tuple(true, false)?;
                    self.expect(&Token::VariableEnd)?;
                    StatementKind::Print(printed)
                }
                _ => {
                    self.expect(&Token::BlockBegin)?;
                    if ends.iter().any(|end| self.is_name(end)) {
                        return Ok(body);
                    }
                    let line = self.line();
                    let kind = self.nested(|parser| parser.statement(&mut body))?;
                    self.expect(&Token::BlockEnd)?;
                    let Some(kind) = kind else { continue };
                    body.push(Statement { line, kind });
                    continue;
                }
            };
            body.push(Statement { line, kind });
        }
    }

    /// The end of the tag that opens a body, the body, and the name of the tag that ends it.
    fn block(&mut self, ends: &[&str]) -> Result<Body> {
        self.skip_operator(":");
        self.expect(&Token::BlockEnd)?;
        self.body(ends)
    }

    fn block_to(&mut self, end: &str) -> Result<Body> {
        let body = self.block(&[end])?;
        self.next += 1;
        Ok(body)
    }

    fn statement(&mut self, before: &mut Body) -> Result<Option<StatementKind>> {
        let Token::Name(tag) = self.token() else { return self.unexpected("the name of a tag") };
        let tag = tag.clone();
        self.next += 1;
        Ok(Some(match &*tag {
            "if" => self.condition()?,
            "for" => self.with_soft(false, Self::repetition)?,
            "set" => self.assignment()?,
            "macro" => {
                let name = self.expect_name()?;
                StatementKind::Macro(self.macro_of(name, "endmacro")?)
            }
            "call" => self.call_block()?,
            "filter" => {
                let mut filters = Vec::new();
                self.filter(&mut filters)?;
                while self.skip_operator("|") {
                    self.filter(&mut filters)?;
                }
                StatementKind::Filter(filters, self.with_soft(false, |p| p.block_to("endfilter"))?)
            }
            "with" => self.with()?,
            "generation" => StatementKind::Scope(self.with_soft(false, |p| p.block_to("endgeneration"))?),
            "block" => self.named_block()?,
            "print" => {
                let line = self.line();
                while *self.token() != Token::BlockEnd {
                    let printed = self.expression()?;
                    before.push(Statement { line, kind: StatementKind::Print(printed) });
                    if *self.token() != Token::BlockEnd {
                        self.expect_operator(",")?;
                    }
                }
                return Ok(None);
            }
            "break" | "continue" if self.loops == 0 => {
                self.next -= 1;
                return self.fail(format!("'{tag}' outside a loop"));
            }
            "break" => StatementKind::Break,
            "continue" => StatementKind::Continue,
            "extends" | "include" | "import" | "from" => {
                while !matches!(self.token(), Token::BlockEnd | Token::End) {
                    self.next += 1;
                }
                StatementKind::Load(tag.to_string())
            }
            _ => {
                self.next -= 1;
                return self.fail(format!("unknown tag '{tag}'"));
            }
        }))
    }

    fn condition(&mut self) -> Result<StatementKind> {
        let mut branches = Vec::new();
        let otherwise = self.with_soft(true, |parser| {
            loop {
                let condition = parser.tuple(false, false)?;
                branches.push((condition, parser.block(&["elif", "else", "endif"])?));
                if parser.skip_name("elif") {
                    continue;
                }
                if parser.skip_name("else") {
                    return parser.block_to("endif");
                }
                parser.next += 1;
                return Ok(Body::new());
            }
        })?;
        Ok(StatementKind::If(branches, otherwise))
    }

    fn repetition(&mut self) -> Result<StatementKind> {
        let target = self.target(false)?;
        if !self.skip_name("in") {
            return self.unexpected("'in'");
        }
        let iterable = self.tuple(false, false)?;
        let condition = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        let names = self.names.len();
        self.loops += 1;
        let body = self.block(&["endfor", "else"])?;
        self.loops -= 1;
        let uses_loop = recursive || self.names[names..].iter().any(|name| &**name == "loop");
        let otherwise = if self.skip_name("else") {
            self.block_to("endfor")?
        } else {
            self.next += 1;
            Body::new()
        };
        let parsed = For { target, iterable, condition, recursive, uses_loop, body, otherwise };
        Ok(StatementKind::For(Arc::new(parsed)))
    }

    fn assignment(&mut self) -> Result<StatementKind> {
        let target = self.target(true)?;
        if self.skip_operator("=") {
            return Ok(StatementKind::Set(target, self.tuple(true, false)?));
        }
        let mut filters = Vec::new();
        while self.skip_operator("|") {
            self.filter(&mut filters)?;
        }
        let body = self.with_soft(false, |parser| parser.block_to("endset"))?;
        Ok(StatementKind::Capture(target, filters, body))
    }

    fn with(&mut self) -> Result<StatementKind> {
        let mut variables = Vec::new();
        while *self.token() != Token::BlockEnd {
            if !variables.is_empty() {
                self.expect_operator(",")?;
            }
            let target = self.target(false)?;
            self.expect_operator("=")?;
            variables.push((target, self.expression()?));
        }
        Ok(StatementKind::With(variables, self.with_soft(false, |p| p.block_to("endwith"))?))
    }

    fn named_block(&mut self) -> Result<StatementKind> {
        let name = self.expect_name()?;
        self.skip_name("scoped");
        self.skip_name("required");
        let body = self.with_soft(false, |parser| parser.block_to("endblock"))?;
        self.skip_name(&name);
        Ok(StatementKind::Block(body))
    }

    fn call_block(&mut self) -> Result<StatementKind> {
        let parameters = if self.is_operator("(") { self.parameters()? } else { Vec::new() };
        let line = self.line();
        let call = self.expression()?;
        let is_call = matches!(&call, Expression::Postfix(_, suffixes)
            if matches!(suffixes.last(), Some((_, Suffix::Call(_)))));
        if !is_call {
            return Err(Error::syntax("expected call", line));
        }
        let caller = self.macro_body("caller".into(), parameters, "endcall")?;
        Ok(StatementKind::Call(call, caller))
    }

    fn macro_of(&mut self, name: Arc<str>, end: &str) -> Result<Arc<Macro>> {
        let parameters = self.parameters()?;
        self.macro_body(name, parameters, end)
    }

    fn macro_body(
        &mut self,
        name: Arc<str>,
        parameters: Vec<(Arc<str>, Option<Expression>)>,
        end: &str,
    ) -> Result<Arc<Macro>> {
        let names = self.names.len();
        let loops = std::mem::take(&mut self.loops);
        let body = self.with_soft(false, |parser| parser.block_to(end))?;
        self.loops = loops;
        let looks_at = |wanted: &str| {
            self.names[names..].iter().any(|name| &**name == wanted)
                && !parameters.iter().any(|(name, _)| &**name == wanted)
        };
        let (varargs, kwargs, caller) = (looks_at("varargs"), looks_at("kwargs"), looks_at("caller"));
        Ok(Arc::new(Macro { name, parameters, varargs, kwargs, caller, body }))
    }

    fn parameters(&mut self) -> Result<Vec<(Arc<str>, Option<Expression>)>> {
        self.expect_operator("(")?;
        let mut parameters: Vec<(Arc<str>, Option<Expression>)> = Vec::new();
        while !self.is_operator(")") {
            if !parameters.is_empty() {
                self.expect_operator(",")?;
            }
            let name = self.expect_name()?;
            let default = if self.skip_operator("=") { Some(self.expression()?) } else { None };
            if default.is_none() && parameters.last().is_some_and(|(_, default)| default.is_some()) {
                return self.fail("non-default argument follows default argument");
            }
            parameters.push((name, default));
        }
        self.next += 1;
        Ok(parameters)
    }

    /// What can be assigned to: names and tuples of them, and attributes of namespaces where `attributes`.
    fn target(&mut self, attributes: bool) -> Result<Target> {
        let mut targets = Vec::new();
        let mut is_tuple = false;
        loop {
            if matches!(self.token(), Token::BlockEnd) || self.is_operator(")") {
                break;
            }
            targets.push(self.single_target(attributes)?);
            if !self.skip_operator(",") {
                break;
            }
            is_tuple = true;
        }
        match targets.pop() {
            None => self.unexpected("a variable"),
            Some(target) if !is_tuple => Ok(target),
            Some(target) => {
                targets.push(target);
                Ok(Target::Tuple(targets))
            }
        }
    }

    fn single_target(&mut self, attributes: bool) -> Result<Target> {
        if self.skip_operator("(") {
            let target = self.nested(|parser| parser.target(attributes))?;
            self.expect_operator(")")?;
            return Ok(target);
        }
        let name = self.expect_name()?;
        if attributes && self.skip_operator(".") {
            return Ok(Target::Attribute(name, self.expect_name()?));
        }
        if ["true", "false", "none", "True", "False", "None"].contains(&&*name) {
            self.next -= 1;
            return self.fail(format!("can't assign to '{name}'"));
        }
        Ok(Target::Name(name))
    }
}
