//! Calls of functions, methods, macros and recursive loops.

use super::super::arguments::Arguments;
use super::super::syntax::ast::{Expression, Macro, Suffix};
use super::super::value::{Object, Scope, Value};
use super::super::{Result, arguments, fail, methods};
use super::{Interpreter, functions};
use std::rc::Rc;

impl Interpreter {
    pub(super) fn call(&mut self, value: &Value, arguments: Arguments) -> Result<Value> {
        let Value::Object(object) = value.defined()? else {
            return fail(format!("'{}' object is not callable", value.kind()));
        };
        match &**object {
            Object::Function(name) => {
                let result = functions::call(name, arguments, &self.fuel)?;
                if let (&"namespace", Value::Object(namespace)) = (name, &result) {
                    self.hold(namespace)?;
                }
                Ok(result)
            }
            Object::Method(of, name) => {
                if let (Value::Object(object), "changed") = (of, &**name)
                    && let Object::Loop(state) = &**object
                    && !state.remembers()
                {
                    self.hold(object)?;
                }
                methods::call(of, name, arguments, &self.fuel)
            }
            Object::Macro(called, scope) => self.call_macro(called, scope, arguments),
            Object::Joiner { separator, used, .. } => {
                arguments.bind("joiner", [], 0)?;
                Ok(if used.replace(true) { separator.clone() } else { Value::text("") })
            }
            Object::Loop(state) => {
                let Some(recursion) = &state.recursion else {
                    return fail("The loop must have the 'recursive' marker to be called recursively.");
                };
                let [items] = arguments.bind("loop", ["iterable"], 1)?;
                let items = items.unwrap_or(Value::None).iterate(&self.fuel)?;
                let mut text = String::new();
                self.deeper(|interpreter| {
                    let level = state.level + 1;
                    interpreter.repeat(&recursion.statement, items, level, &recursion.scope, &mut text)
                })?;
                Ok(Value::text(text))
            }
            Object::Namespace(_) | Object::Cycler { .. } => {
                fail(format!("'{}' object is not callable", value.kind()))
            }
        }
    }

    /// `{% call %}`: the call, with `caller` as one more argument.
    pub(super) fn call_with(&mut self, call: &Expression, caller: Value, scope: &Rc<Scope>) -> Result<Value> {
        let Expression::Postfix(base, suffixes) = call else { return fail("expected call") };
        let Some(((_, Suffix::Call(arguments)), before)) = suffixes.split_last() else {
            return fail("expected call");
        };
        let called = self.evaluate(base, scope)?;
        let called = self.suffixes(called, before, scope)?;
        let mut arguments = self.arguments(arguments, scope)?;
        arguments.named.push(("caller".into(), caller));
        self.call(&called, arguments)
    }

    fn call_macro(&mut self, called: &Macro, scope: &Rc<Scope>, arguments: Arguments) -> Result<Value> {
        let inner = Scope::inside(scope);
        self.fuel.values(called.parameters.len())?;
        let Arguments { mut positional, mut named } = arguments;
        let rest = positional.split_off(positional.len().min(called.parameters.len()));
        let mut take = |name: &str| {
            let place = arguments::place(&named, name, &self.fuel)?;
            Ok(place.map(|index| named.remove(index).1))
        };
        let mut given = positional.into_iter();
        let values = called.parameters.iter().map(|(name, _)| match given.next() {
            None => take(name),
            given => Ok(given),
        });
        let values = values.collect::<Result<Vec<Option<Value>>>>()?;
        if called.caller {
            let caller = take("caller")?.unwrap_or_else(|| Value::undefined("No caller defined"));
            inner.set(&"caller".into(), caller);
        }
        if called.kwargs {
            let pairs = named.into_iter().map(|(name, value)| (Value::Str(name), value));
            inner.set(&"kwargs".into(), Value::dict(pairs.collect(), &self.fuel)?);
        } else if let Some((name, _)) = named.first() {
            return fail(format!("macro '{}' takes no keyword argument '{name}'", called.name));
        }
        if called.varargs {
            inner.set(&"varargs".into(), Value::tuple(rest, &self.fuel)?);
        } else if !rest.is_empty() {
            let count = called.parameters.len();
            return fail(format!("macro '{}' takes not more than {count} argument(s)", called.name));
        }
        let mut text = String::new();
        self.deeper(|interpreter| {
            for ((name, default), value) in called.parameters.iter().zip(values) {
                let value = match (value, default) {
                    (Some(value), _) => value,
                    (None, Some(default)) => interpreter.evaluate(default, &inner)?,
                    (None, None) => Value::undefined(format!("parameter '{name}' was not provided")),
                };
                inner.set(name, value);
            }
            interpreter.body(&called.body, &inner, &mut text)
        })?;
        Ok(Value::text(text))
    }
}
