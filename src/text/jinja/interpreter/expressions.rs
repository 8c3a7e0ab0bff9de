//! Values of expressions.

use super::super::arguments::Arguments;
use super::super::syntax::ast::{CallArguments, Expression, Suffix};
use super::super::value::order::holds;
use super::super::value::{Scope, Value, repr};
use super::super::{Result, arguments, fail, filters, operators, subscript, tests_of};
use super::Interpreter;
use std::rc::Rc;
use std::sync::Arc;

impl Interpreter {
    pub(super) fn evaluate(&mut self, expression: &Expression, scope: &Rc<Scope>) -> Result<Value> {
        self.fuel.steps(1)?;
        match expression {
            Expression::None => Ok(Value::None),
            Expression::Bool(value) => Ok(Value::Bool(*value)),
            Expression::Int(value) => Ok(Value::Int(*value)),
            Expression::Float(value) => Ok(Value::Float(*value)),
            Expression::Str(text) => Ok(Value::Str(text.clone())),
            Expression::Name(name) => {
                let (value, looked) = scope.get(name);
                self.fuel.steps(looked)?;
                self.fuel.read(name.len())?;
                Ok(value.unwrap_or_else(|| Value::undefined(format!("'{name}' is undefined"))))
            }
            _ => self.deeper(|interpreter| interpreter.compound(expression, scope)),
        }
    }

    fn compound(&mut self, expression: &Expression, scope: &Rc<Scope>) -> Result<Value> {
        match expression {
            Expression::List(items) => {
                let items = self.all(items, scope)?;
                Value::list(items, &self.fuel)
            }
            Expression::Tuple(items) => {
                let items = self.all(items, scope)?;
                Value::tuple(items, &self.fuel)
            }
            Expression::Dict(pairs) => {
                let mut values = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    values.push((self.evaluate(key, scope)?, self.evaluate(value, scope)?));
                }
                Value::dict(values, &self.fuel)
            }
            Expression::Not(value) => Ok(Value::Bool(!self.evaluate(value, scope)?.is_true())),
            Expression::Negative(value) => operators::signed(&self.evaluate(value, scope)?, true),
            Expression::Positive(value) => operators::signed(&self.evaluate(value, scope)?, false),
            Expression::And(values) => self.first(values, false, scope),
            Expression::Or(values) => self.first(values, true, scope),
            Expression::Concat(values) => {
                let mut text = String::new();
                for value in values {
                    let value = self.evaluate(value, scope)?;
                    let part = repr::text(&value, &self.fuel)?;
                    self.print(&part, &mut text)?;
                }
                Ok(Value::text(text))
            }
            Expression::Compare(first, rest) => {
                let mut left = self.evaluate(first, scope)?;
                for (comparison, right) in rest {
                    let right = self.evaluate(right, scope)?;
                    if !holds(&left, *comparison, &right, &self.fuel)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            Expression::Arithmetic(first, rest) => {
                let mut value = self.evaluate(first, scope)?;
                for (operator, right) in rest {
                    let right = self.evaluate(right, scope)?;
                    value = operators::apply(&value, *operator, &right, &self.fuel)?;
                }
                Ok(value)
            }
            Expression::Conditional(parts) => {
                let mut otherwise = parts.otherwise.as_ref();
                for condition in parts.conditions.iter().rev() {
                    if !self.evaluate(condition, scope)?.is_true() {
                        return match otherwise {
                            Some(otherwise) => self.evaluate(otherwise, scope),
                            None => Ok(Value::undefined(
                                "the inline if-expression evaluated to false and no else section was defined.",
                            )),
                        };
                    }
                    otherwise = None;
                }
                self.evaluate(&parts.then, scope)
            }
            Expression::Postfix(base, suffixes) => {
                let value = self.evaluate(base, scope)?;
                self.suffixes(value, suffixes, scope)
            }
            plain => self.evaluate(plain, scope),
        }
    }

    fn all(&mut self, expressions: &[Expression], scope: &Rc<Scope>) -> Result<Vec<Value>> {
        expressions.iter().map(|expression| self.evaluate(expression, scope)).collect()
    }

    /// The first value that is as true as `wanted`, or the last.
    fn first(&mut self, values: &[Expression], wanted: bool, scope: &Rc<Scope>) -> Result<Value> {
        let mut last = Value::None;
        for value in values {
            last = self.evaluate(value, scope)?;
            if last.is_true() == wanted {
                break;
            }
        }
        Ok(last)
    }

    /// `value` with subscripts, calls, filters and tests applied.
    pub(super) fn suffixes(
        &mut self,
        mut value: Value,
        suffixes: &[(u32, Suffix)],
        scope: &Rc<Scope>,
    ) -> Result<Value> {
        for (line, suffix) in suffixes {
            value = self.suffix(value, suffix, scope).map_err(|error| error.at(*line))?;
        }
        Ok(value)
    }

    fn suffix(&mut self, value: Value, suffix: &Suffix, scope: &Rc<Scope>) -> Result<Value> {
        self.fuel.steps(1)?;
        match suffix {
            Suffix::Attribute(name) => subscript::attribute(&value, name, &self.fuel),
            Suffix::Item(key) => {
                let key = self.evaluate(key, scope)?;
                subscript::item(&value, &key, &self.fuel)
            }
            Suffix::Slice(parts) => {
                let mut places = [None; 3];
                for (place, part) in places.iter_mut().zip(parts) {
                    let part = part.as_ref().map(|part| self.evaluate(part, scope)).transpose()?;
                    *place = arguments::optional_int(part.as_ref())?;
                }
                subscript::slice(&value, places, &self.fuel)
            }
            Suffix::Call(arguments) => {
                let arguments = self.arguments(arguments, scope)?;
                self.call(&value, arguments)
            }
            Suffix::Filter(name, arguments) => {
                let arguments = self.arguments(arguments, scope)?;
                filters::call(name, &value, arguments, &self.fuel)
            }
            Suffix::Test { name, negated, arguments } => {
                let arguments = self.arguments(arguments, scope)?;
                let passes = tests_of::call(name, &value, arguments, &self.fuel)?;
                Ok(Value::Bool(passes != *negated))
            }
        }
    }

    pub(super) fn arguments(&mut self, written: &CallArguments, scope: &Rc<Scope>) -> Result<Arguments> {
        let mut arguments =
            Arguments { positional: self.all(&written.positional, scope)?, named: Vec::new() };
        if let Some(more) = &written.more {
            let more = self.evaluate(more, scope)?.iterate(&self.fuel)?;
            arguments.positional.extend(more);
        }
        for (name, value) in &written.named {
            let value = self.evaluate(value, scope)?;
            self.add_named(&mut arguments, name, value)?;
        }
        if let Some(more) = &written.more_named {
            let more = self.evaluate(more, scope)?;
            let Value::Dict(dict) = &more else {
                return fail(format!("argument after ** must be a mapping, not {}", more.kind()));
            };
            self.fuel.values(2 * dict.pairs.len())?;
            for (key, value) in &dict.pairs {
                let Value::Str(name) = key else { return fail("keywords must be strings") };
                self.add_named(&mut arguments, name, value.clone())?;
            }
        }
        Ok(arguments)
    }

    fn add_named(&self, arguments: &mut Arguments, name: &Arc<str>, value: Value) -> Result<()> {
        if arguments::place(&arguments.named, name, &self.fuel)?.is_some() {
            return fail(format!("got multiple values for keyword argument '{name}'"));
        }
        arguments.named.push((name.clone(), value));
        Ok(())
    }
}
