//! Expressions of a template, by Jinja2's precedence.

use super::super::ast::{CallArguments, Comparison, Conditional, Expression, Operator, Suffix};
use super::super::known;
use super::super::token::{Token, describe};
use super::Parser;
use crate::text::jinja::{Error, Result};
use std::sync::Arc;

/// The arithmetic operators that bind alike, from loose to tight; `~` stands between the first two.
const SUM: &[(&str, Operator)] = &[("+", Operator::Add), ("-", Operator::Subtract)];
const PRODUCT: &[(&str, Operator)] = &[
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("//", Operator::FloorDivide),
    ("%", Operator::Modulo),
];
const POWER: &[(&str, Operator)] = &[("**", Operator::Power)];

impl Parser {
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.nested(Self::conditional)
    }

    /// An expression, or several with commas between them as a tuple. Without `conditionals` an `if` ends it.
    pub(super) fn tuple(&mut self, conditionals: bool, in_brackets: bool) -> Result<Expression> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            let ends = matches!(self.token(), Token::VariableEnd | Token::BlockEnd) || self.is_operator(")");
            if ends {
                break;
            }
            items.push(if conditionals { self.expression()? } else { self.nested(Self::or)? });
            if !self.skip_operator(",") {
                break;
            }
            is_tuple = true;
        }
        match items.pop() {
            Some(item) if !is_tuple => Ok(item),
            None if !in_brackets => self.unexpected("an expression"),
            last => {
                items.extend(last);
                Ok(Expression::Tuple(items))
            }
        }
    }

    fn conditional(&mut self) -> Result<Expression> {
        let unknown = self.unknown.len();
        let then = self.or()?;
        let mut conditions = Vec::new();
        while self.skip_name("if") {
            conditions.push(self.or()?);
        }
        if conditions.is_empty() {
            return Ok(then);
        }
        // What follows an `else` is all its own.
        let otherwise = if self.skip_name("else") { Some(self.nested(Self::conditional)?) } else { None };
        self.unknown.truncate(unknown);
        Ok(Expression::Conditional(Box::new(Conditional { then, conditions, otherwise })))
    }

    fn or(&mut self) -> Result<Expression> {
        let first = self.and()?;
        if !self.is_name("or") {
            return Ok(first);
        }
        let mut values = vec![first];
        while self.skip_name("or") {
            values.push(self.and()?);
        }
        Ok(Expression::Or(values))
    }

    fn and(&mut self) -> Result<Expression> {
        let first = self.not()?;
        if !self.is_name("and") {
            return Ok(first);
        }
        let mut values = vec![first];
        while self.skip_name("and") {
            values.push(self.not()?);
        }
        Ok(Expression::And(values))
    }

    fn not(&mut self) -> Result<Expression> {
        if self.skip_name("not") {
            return Ok(Expression::Not(Box::new(self.nested(Self::not)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let comparison = match self.token() {
                Token::Operator("==") => Comparison::Equal,
                Token::Operator("!=") => Comparison::NotEqual,
                Token::Operator("<") => Comparison::Less,
                Token::Operator("<=") => Comparison::LessOrEqual,
                Token::Operator(">") => Comparison::Greater,
                Token::Operator(">=") => Comparison::GreaterOrEqual,
                Token::Name(name) if &**name == "in" => Comparison::In,
                Token::Name(name)
                    if &**name == "not" && matches!(self.after_next(), Token::Name(n) if &**n == "in") =>
                {
                    self.next += 1;
                    Comparison::NotIn
                }
                _ if rest.is_empty() => return Ok(first),
                _ => return Ok(Expression::Compare(Box::new(first), rest)),
            };
            self.next += 1;
            rest.push((comparison, self.sum()?));
        }
    }

    /// Operands that `operators` chain.
    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Token::Operator(found) = self.token()
            && let Some((_, operator)) = operators.iter().find(|(written, _)| written == found)
        {
            self.next += 1;
            rest.push((*operator, operand(self)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Arithmetic(Box::new(first), rest) })
    }

    fn sum(&mut self) -> Result<Expression> {
        self.chain(SUM, Self::concatenation)
    }

    fn concatenation(&mut self) -> Result<Expression> {
        let first = self.product()?;
        if !self.is_operator("~") {
            return Ok(first);
        }
        let mut values = vec![first];
        while self.skip_operator("~") {
            values.push(self.product()?);
        }
        Ok(Expression::Concat(values))
    }

    fn product(&mut self) -> Result<Expression> {
        self.chain(PRODUCT, |parser| parser.chain(POWER, |parser| parser.unary(true)))
    }

    fn unary(&mut self, with_filters: bool) -> Result<Expression> {
        let value = if self.skip_operator("-") {
            Expression::Negative(Box::new(self.nested(|parser| parser.unary(false))?))
        } else if self.skip_operator("+") {
            Expression::Positive(Box::new(self.nested(|parser| parser.unary(false))?))
        } else {
            self.primary()?
        };
        let mut suffixes = Vec::new();
        self.postfix(&mut suffixes)?;
        if with_filters {
            self.filters_and_tests(&mut suffixes)?;
        }
        Ok(if suffixes.is_empty() { value } else { Expression::Postfix(Box::new(value), suffixes) })
    }

    fn primary(&mut self) -> Result<Expression> {
        let token = self.token().clone();
        self.next += 1;
        Ok(match token {
            Token::Name(name) => match &*name {
                "true" | "True" => Expression::Bool(true),
                "false" | "False" => Expression::Bool(false),
                "none" | "None" => Expression::None,
                _ => {
                    self.names.push(name.clone());
                    Expression::Name(name)
                }
            },
            Token::Str(mut text) => {
                while let Token::Str(more) = self.token() {
                    text += more;
                    self.next += 1;
                }
                Expression::Str(text.into())
            }
            Token::Int(int) => Expression::Int(int),
            Token::Float(float) => Expression::Float(float),
            Token::Operator("(") => {
                let value = self.tuple(true, true)?;
                self.expect_operator(")")?;
                value
            }
            Token::Operator("[") => Expression::List(self.items("]", Self::expression)?),
            Token::Operator("{") => Expression::Dict(self.items("}", |parser| {
                let key = parser.expression()?;
                parser.expect_operator(":")?;
                Ok((key, parser.expression()?))
            })?),
            other => {
                self.next -= 1;
                return self.fail(format!("unexpected '{}'", describe(&other)));
            }
        })
    }

    /// Items with commas between them, up to `end`.
    fn items<T>(&mut self, end: &'static str, item: fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.is_operator(end) {
            if !items.is_empty() {
                self.expect_operator(",")?;
                if self.is_operator(end) {
                    break;
                }
            }
            items.push(item(self)?);
        }
        self.next += 1;
        Ok(items)
    }

    fn postfix(&mut self, suffixes: &mut Vec<(u32, Suffix)>) -> Result<()> {
        loop {
            let line = self.line();
            let suffix = if self.skip_operator(".") {
                let token = self.token().clone();
                self.next += 1;
                match token {
                    Token::Name(name) => Suffix::Attribute(name),
                    Token::Int(index) => Suffix::Item(Expression::Int(index)),
                    _ => {
                        self.next -= 1;
                        return self.unexpected("a name or a number");
                    }
                }
            } else if self.skip_operator("[") {
                self.subscript()?
            } else if self.is_operator("(") {
                Suffix::Call(self.arguments()?)
            } else {
                return Ok(());
            };
            suffixes.push((line, suffix));
        }
    }

    fn subscript(&mut self) -> Result<Suffix> {
        let start = if self.is_operator(":") { None } else { Some(self.expression()?) };
        if self.skip_operator(":") {
            let stop = self.slice_part()?;
            let step = if self.skip_operator(":") { self.slice_part()? } else { None };
            self.expect_operator("]")?;
            return Ok(Suffix::Slice([start, stop, step]));
        }
        let Some(first) = start else { return self.unexpected("an expression") };
        if self.skip_operator("]") {
            return Ok(Suffix::Item(first));
        }
        let mut items = vec![first];
        while !self.skip_operator("]") {
            self.expect_operator(",")?;
            if !self.is_operator("]") {
                items.push(self.expression()?);
            }
        }
        Ok(Suffix::Item(Expression::Tuple(items)))
    }

    fn slice_part(&mut self) -> Result<Option<Expression>> {
        if self.is_operator(":") || self.is_operator("]") { Ok(None) } else { self.expression().map(Some) }
    }

    fn filters_and_tests(&mut self, suffixes: &mut Vec<(u32, Suffix)>) -> Result<()> {
        loop {
            let line = self.line();
            if self.skip_operator("|") {
                self.filter(suffixes)?;
            } else if self.skip_name("is") {
                let test = self.test(line)?;
                suffixes.push((line, test));
            } else if self.is_operator("(") {
                let arguments = self.arguments()?;
                suffixes.push((line, Suffix::Call(arguments)));
            } else {
                return Ok(());
            }
        }
    }

    fn dotted_name(&mut self) -> Result<Arc<str>> {
        let first = self.expect_name()?;
        if !self.is_operator(".") {
            return Ok(first);
        }
        let mut name = first.to_string();
        while self.skip_operator(".") {
            name.push('.');
            name += &*self.expect_name()?;
        }
        Ok(name.into())
    }

    /// A filter, after its `|`.
    pub(super) fn filter(&mut self, suffixes: &mut Vec<(u32, Suffix)>) -> Result<()> {
        let line = self.line();
        let name = self.dotted_name()?;
        if !self.soft && !known::is_filter(&name) {
            self.unknown.push(Error::syntax(format!("No filter named '{name}'."), line));
        }
        let arguments = if self.is_operator("(") { self.arguments()? } else { CallArguments::default() };
        suffixes.push((line, Suffix::Filter(name, arguments)));
        Ok(())
    }

    /// A test, after its `is`; it may take one argument without brackets.
    fn test(&mut self, line: u32) -> Result<Suffix> {
        let negated = self.skip_name("not");
        let name = self.dotted_name()?;
        if !self.soft && !known::is_test(&name) {
            self.unknown.push(Error::syntax(format!("No test named '{name}'."), line));
        }
        let takes_argument = match self.token() {
            Token::Name(next) => !["else", "or", "and"].contains(&&**next),
            Token::Str(_) | Token::Int(_) | Token::Float(_) => true,
            Token::Operator(operator) => ["[", "{"].contains(operator),
            _ => false,
        };
        let arguments = if self.is_operator("(") {
            self.arguments()?
        } else if takes_argument {
            if self.is_name("is") {
                return self.fail("You cannot chain multiple tests with is");
            }
            let value = self.nested(Self::primary)?;
            let mut suffixes = Vec::new();
            self.postfix(&mut suffixes)?;
            let value = match suffixes.is_empty() {
                true => value,
                false => Expression::Postfix(Box::new(value), suffixes),
            };
            CallArguments { positional: vec![value], ..Default::default() }
        } else {
            CallArguments::default()
        };
        Ok(Suffix::Test { name, negated, arguments })
    }

    fn arguments(&mut self) -> Result<CallArguments> {
        let line = self.line();
        self.expect_operator("(")?;
        let mut arguments = CallArguments::default();
        let mut first = true;
        while !self.is_operator(")") {
            if !first {
                self.expect_operator(",")?;
                if self.is_operator(")") {
                    break;
                }
            }
            first = false;
            let named_follows = arguments.more_named.is_none();
            let fits = if self.skip_operator("*") {
                let fits = named_follows && arguments.more.is_none();
                arguments.more = Some(self.expression()?);
                fits
            } else if self.skip_operator("**") {
                arguments.more_named = Some(self.expression()?);
                named_follows
            } else if let Token::Name(name) = self.token().clone()
                && *self.after_next() == Token::Operator("=")
            {
                self.next += 2;
                let value = self.expression()?;
                arguments.named.push((name, value));
                named_follows
            } else {
                arguments.positional.push(self.expression()?);
                named_follows && arguments.more.is_none() && arguments.named.is_empty()
            };
            if !fits {
                return Err(Error::syntax("invalid syntax for function call expression", line));
            }
        }
        self.next += 1;
        Ok(arguments)
    }
}
