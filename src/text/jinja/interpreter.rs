//! Renders a template.

mod expressions;
mod functions;
mod macros;

use super::syntax::ast::{For, Statement, StatementKind, Target};
use super::value::equality::set_pair;
use super::value::{Loop, Object, Recursion, Scope, Value, repr};
use super::{Fuel, Result, fail};
use std::rc::Rc;
use std::sync::Arc;

/// How deep statements, expressions and calls nest while they run; wasm stacks are small.
const DEPTH: usize = 400;

pub(super) fn render(body: &[Statement], variables: Vec<(&str, Value)>, fuel: Fuel) -> Result<String> {
    let root = Rc::<Scope>::default();
    for name in functions::NAMES {
        root.set(&name.into(), Value::object(Object::Function(name)));
    }
    for (name, value) in variables {
        root.set(&name.into(), value);
    }
    let mut interpreter =
        Interpreter { fuel, depth: 0, root: root.clone(), captured: vec![root.clone()], holders: Vec::new() };
    let mut out = String::new();
    let rendered = interpreter.body(body, &root, &mut out);
    interpreter.take_apart();
    rendered.map(|_| out)
}

struct Interpreter {
    fuel: Fuel,
    depth: usize,
    root: Rc<Scope>,
    /// Scopes that macros and recursive loops hold, which may hold those.
    captured: Vec<Rc<Scope>>,
    /// Namespaces, and loops that `loop.changed` was called of: they may hold themselves.
    holders: Vec<Rc<Object>>,
}

/// Where the rendering goes on after a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Interpreter {
    /// Frees what holds itself, and long chains one by one: freed at once they would need as much stack. All that
    /// nests without a bound is known here, and held until now, so that what one of them lets go of nests no
    /// deeper than [`Value::depth`] allows.
    fn take_apart(mut self) {
        for holder in &self.holders {
            match &**holder {
                Object::Namespace(fields) => {
                    fields.take();
                }
                Object::Loop(state) => state.forget(),
                _ => {}
            }
        }
        for scope in &self.captured {
            scope.names.take();
        }
        while self.captured.pop().is_some() {}
    }

    /// Keeps `scope`, which a value is about to hold, for `take_apart`.
    fn capture(&mut self, scope: &Rc<Scope>) -> Result<()> {
        self.fuel.values(4)?;
        self.captured.push(scope.clone());
        Ok(())
    }

    /// Keeps an object that may come to hold itself, for `take_apart`.
    fn hold(&mut self, object: &Rc<Object>) -> Result<()> {
        self.fuel.values(4)?;
        self.holders.push(object.clone());
        Ok(())
    }

    /// `run`, one level deeper.
    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH {
            return fail("the template's recursion is too deep");
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn body(&mut self, body: &[Statement], scope: &Rc<Scope>, out: &mut String) -> Result<Flow> {
        self.deeper(|interpreter| {
            for statement in body {
                interpreter.fuel.steps(1).map_err(|error| error.at(statement.line))?;
                let flow = interpreter.statement(&statement.kind, scope, out);
                let flow = flow.map_err(|error| error.at(statement.line))?;
                if flow != Flow::Next {
                    return Ok(flow);
                }
            }
            Ok(Flow::Next)
        })
    }

    fn statement(&mut self, kind: &StatementKind, scope: &Rc<Scope>, out: &mut String) -> Result<Flow> {
        match kind {
            StatementKind::Text(text) => self.print(text, out)?,
            StatementKind::Print(expression) => {
                let value = self.evaluate(expression, scope)?;
                let text = repr::text(&value, &self.fuel)?;
                self.print(&text, out)?;
            }
            StatementKind::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.evaluate(condition, scope)?.is_true() {
                        return self.body(body, scope, out);
                    }
                }
                return self.body(otherwise, scope, out);
            }
            StatementKind::For(statement) => {
                let items = self.evaluate(&statement.iterable, scope)?.iterate(&self.fuel)?;
                self.repeat(statement, items, 0, scope, out)?;
            }
            StatementKind::Set(target, expression) => {
                let value = self.evaluate(expression, scope)?;
                self.assign(target, value, scope)?;
            }
            StatementKind::Capture(target, filters, body) => {
                let text = self.captured(body, scope)?;
                let value = self.suffixes(Value::text(text), filters, scope)?;
                self.assign(target, value, scope)?;
            }
            StatementKind::With(variables, body) => {
                let inner = Scope::inside(scope);
                for (target, expression) in variables {
                    let value = self.evaluate(expression, scope)?;
                    self.assign(target, value, &inner)?;
                }
                return self.body(body, &inner, out);
            }
            StatementKind::Macro(statement) => {
                let value = Value::object(Object::Macro(statement.clone(), scope.clone()));
                self.capture(scope)?;
                scope.set(&statement.name, value);
            }
            StatementKind::Call(call, caller) => {
                self.capture(scope)?;
                let caller = Value::object(Object::Macro(caller.clone(), scope.clone()));
                let value = self.call_with(call, caller, scope)?;
                let text = repr::text(&value, &self.fuel)?;
                self.print(&text, out)?;
            }
            StatementKind::Filter(filters, body) => {
                let text = self.captured(body, scope)?;
                let value = self.suffixes(Value::text(text), filters, scope)?;
                let Some(text) = value.as_str() else {
                    return fail(format!("a filter block makes text, not {}", value.kind()));
                };
                self.print(text, out)?;
            }
            StatementKind::Scope(body) => return self.body(body, &Scope::inside(scope), out),
            StatementKind::Block(body) => {
                let scope = Scope::inside(&self.root);
                self.body(body, &scope, out)?;
            }
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::Load(tag) => {
                return fail(format!("'{tag}' needs another template, and a chat template stands alone"));
            }
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, text: &str, out: &mut String) -> Result<()> {
        self.fuel.bytes(text.len())?;
        *out += text;
        Ok(())
    }

    /// What `body` prints.
    fn captured(&mut self, body: &[Statement], scope: &Rc<Scope>) -> Result<String> {
        let mut text = String::new();
        self.body(body, &Scope::inside(scope), &mut text)?;
        Ok(text)
    }

    fn assign(&mut self, target: &Target, value: Value, scope: &Rc<Scope>) -> Result<()> {
        match target {
            Target::Name(name) => {
                self.fuel.read(name.len())?;
                scope.set(name, value);
            }
            Target::Tuple(targets) => {
                let items = value.iterate(&self.fuel)?;
                let (wanted, got) = (targets.len(), items.len());
                if got < wanted {
                    return fail(format!("not enough values to unpack (expected {wanted}, got {got})"));
                }
                if got > wanted {
                    return fail(format!("too many values to unpack (expected {wanted})"));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item, scope)?;
                }
            }
            Target::Attribute(name, attribute) => {
                let (namespace, _) = scope.get(name);
                let Some(Value::Object(object)) = &namespace else { return not_a_namespace() };
                let Object::Namespace(fields) = &**object else { return not_a_namespace() };
                let key = Value::Str(attribute.clone());
                functions::check_field(&key)?;
                set_pair(&mut fields.borrow_mut(), key, value, &self.fuel)?;
            }
        }
        Ok(())
    }

    /// A loop over `items`, `level` deep in itself. Its `else` follows unless a body ran to its end: not after
    /// a `break` or a `continue` alone, as in Jinja2.
    fn repeat(
        &mut self,
        statement: &Arc<For>,
        items: Vec<Value>,
        level: usize,
        scope: &Rc<Scope>,
        out: &mut String,
    ) -> Result<()> {
        let ran = if statement.uses_loop {
            let items = self.filtered(statement, items, scope)?;
            let count = items.len();
            let mut ran = false;
            if statement.recursive && level == 0 {
                self.capture(scope)?;
            }
            let recursion = Recursion { statement: statement.clone(), scope: scope.clone() };
            let state = Loop::new(items, level, statement.recursive.then_some(recursion));
            let state = Rc::new(Object::Loop(state));
            for index in 0..count {
                let Object::Loop(position) = &*state else { break };
                let Some(item) = position.at(index) else { break };
                let inner = Scope::inside(scope);
                self.assign(&statement.target, item, &inner)?;
                inner.set(&"loop".into(), Value::Object(state.clone()));
                match self.body(&statement.body, &inner, out)? {
                    Flow::Next => ran = true,
                    Flow::Break => break,
                    Flow::Continue => {}
                }
            }
            ran
        } else {
            let mut ran = false;
            for item in items {
                let inner = Scope::inside(scope);
                self.fuel.steps(1)?;
                self.assign(&statement.target, item, &inner)?;
                if let Some(condition) = &statement.condition
                    && !self.evaluate(condition, &inner)?.is_true()
                {
                    continue;
                }
                match self.body(&statement.body, &inner, out)? {
                    Flow::Next => ran = true,
                    Flow::Break => break,
                    Flow::Continue => {}
                }
            }
            ran
        };
        if !ran {
            self.body(&statement.otherwise, &Scope::inside(scope), out)?;
        }
        Ok(())
    }

    /// The items that the loop's own `if` lets through.
    fn filtered(&mut self, statement: &For, items: Vec<Value>, scope: &Rc<Scope>) -> Result<Vec<Value>> {
        let Some(condition) = &statement.condition else { return Ok(items) };
        let mut kept = Vec::new();
        for item in items {
            let inner = Scope::inside(scope);
            self.assign(&statement.target, item.clone(), &inner)?;
            if self.evaluate(condition, &inner)?.is_true() {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

fn not_a_namespace<T>() -> Result<T> {
    fail("cannot assign attribute on non-namespace object")
}
