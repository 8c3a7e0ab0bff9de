//! `value.name`, `value[key]` and `value[start:stop:step]`, in the sandbox: what changes a value, and what
//! Python keeps to itself, is out of reach.

use super::value::equality::place_of;
use super::value::{Kind, Object, Value, method_names, repr};
use super::{Fuel, Result, fail};
use std::sync::Arc;

/// `value.name`: a method or an attribute, else what is under that key.
pub(super) fn attribute(value: &Value, name: &Arc<str>, fuel: &Fuel) -> Result<Value> {
    value.defined()?;
    if let Some(found) = own_attribute(value, name, fuel)? {
        return Ok(found);
    }
    if let Value::Dict(dict) = value
        && let Some(found) = dict.get(&Value::Str(name.clone()), fuel)?
    {
        return Ok(found.clone());
    }
    Ok(missing(value, &Value::Str(name.clone()), fuel))
}

/// `value[key]`: what is under that key, else a method or an attribute.
pub(super) fn item(value: &Value, key: &Value, fuel: &Fuel) -> Result<Value> {
    let found = match value.defined()? {
        Value::Dict(dict) if key.check_hashable(fuel).is_ok() => dict.get(key, fuel)?.cloned(),
        Value::Sequence(sequence) if !matches!(sequence.kind, Kind::Keys | Kind::Values | Kind::Items) => {
            key.as_int().and_then(|index| Some(sequence.items[at(index, sequence.items.len())?].clone()))
        }
        Value::Str(text) => match key.as_int() {
            None => None,
            Some(index) if is_ascii(text, fuel)? => {
                at(index, text.len()).map(|index| Value::text(&text[index..=index]))
            }
            Some(index) => {
                let length = value.len(fuel)?;
                let character = at(index, length).and_then(|index| text.chars().nth(index));
                character.map(|character| Value::text(character.to_string()))
            }
        },
        _ => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    if let Value::Str(name) = key
        && let Some(found) = own_attribute(value, name, fuel)?
    {
        return Ok(found);
    }
    Ok(missing(value, key, fuel))
}

fn is_ascii(text: &str, fuel: &Fuel) -> Result<bool> {
    // A machine looks at many bytes at once here.
    fuel.read(text.len() / 16)?;
    Ok(text.is_ascii())
}

/// The place that a possibly negative index means.
fn at(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(length as i64)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn missing(value: &Value, key: &Value, fuel: &Fuel) -> Value {
    let object = match value {
        Value::None => "None".into(),
        _ => format!("{} object", value.kind()),
    };
    let key_text = repr::repr(key, fuel).unwrap_or_default();
    Value::undefined(match key {
        Value::Str(_) => format!("'{object}' has no attribute {key_text}"),
        _ => format!("{object} has no element {key_text}"),
    })
}

/// A method or an attribute of Python's own.
fn own_attribute(value: &Value, name: &Arc<str>, fuel: &Fuel) -> Result<Option<Value>> {
    fuel.read(name.len())?;
    if let Value::Object(object) = value {
        let found = match &**object {
            Object::Namespace(fields) => {
                let fields = fields.borrow();
                place_of(&fields, name, fuel)?.map(|index| fields[index].1.clone())
            }
            Object::Loop(state) => state.attribute(name),
            Object::Macro(of, _) => match &**name {
                "name" => Some(Value::Str(of.name.clone())),
                "arguments" => {
                    let names = of.parameters.iter().map(|(name, _)| Value::Str(name.clone()));
                    Some(Value::tuple(names.collect(), fuel)?)
                }
                "catch_kwargs" => Some(Value::Bool(of.kwargs)),
                "catch_varargs" => Some(Value::Bool(of.varargs)),
                "caller" => Some(Value::Bool(of.caller)),
                _ => None,
            },
            Object::Cycler { items, position, .. } if &**name == "current" => {
                Some(items[position.get()].clone())
            }
            Object::Joiner { separator, .. } if &**name == "sep" => Some(separator.clone()),
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    if let Value::Sequence(sequence) = value {
        match (sequence.kind, &**name) {
            (Kind::Group, "grouper") => return Ok(Some(sequence.items[0].clone())),
            (Kind::Group, "list") => return Ok(Some(sequence.items[1].clone())),
            (Kind::Range { start, .. }, "start") => return Ok(Some(Value::Int(start))),
            (Kind::Range { stop, .. }, "stop") => return Ok(Some(Value::Int(stop))),
            (Kind::Range { step, .. }, "step") => return Ok(Some(Value::Int(step))),
            _ => {}
        }
    }
    let unsafe_name = name.starts_with("__") || method_names::changes(value, name);
    if unsafe_name {
        let kind = value.kind();
        let why = format!("access to attribute '{name}' of '{kind}' object is unsafe.");
        return Ok(Some(Value::undefined(why)));
    }
    let has = method_names::names(value).contains(&&**name);
    has.then(|| Value::method(value, name)).transpose()
}

/// The places that a slice of Python takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) start: i64,
    stop: i64,
    step: i64,
    pub(super) count: usize,
}

impl Places {
    /// Of start, stop and step in a sequence of `length`.
    pub(super) fn new(parts: [Option<i64>; 3], length: usize) -> Result<Self> {
        let length = length as i64;
        let step = parts[2].unwrap_or(1);
        if step == 0 {
            return fail("slice step cannot be zero");
        }
        let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let place = |part: Option<i64>, default: i64| match part {
            None => default,
            Some(index) if index < 0 => index.saturating_add(length).max(low),
            Some(index) => index.min(high),
        };
        let (first, last) = if step > 0 { (low, high) } else { (high, low) };
        let (start, stop) = (place(parts[0], first), place(parts[1], last));
        let span = if step > 0 { stop - start } else { start - stop };
        let count = if span > 0 { (span as u64 - 1) / step.unsigned_abs() + 1 } else { 0 };
        Ok(Self { start, stop, step, count: count as usize })
    }

    fn indexes(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |place| (self.start + self.step * place as i64) as usize)
    }
}

pub(super) fn slice(value: &Value, parts: [Option<i64>; 3], fuel: &Fuel) -> Result<Value> {
    match value.defined()? {
        Value::Str(text) => {
            let length = value.len(fuel)?;
            let places = Places::new(parts, length)?;
            fuel.bytes(text.len())?;
            if places.step == 1 {
                let characters = text.chars().skip(places.start as usize).take(places.count);
                return Ok(Value::text(characters.collect::<String>()));
            }
            fuel.product(length, size_of::<char>())?;
            let characters: Vec<char> = text.chars().collect();
            let characters = places.indexes().map(|index| characters[index]);
            Ok(Value::text(characters.collect::<String>()))
        }
        Value::Sequence(sequence) if !matches!(sequence.kind, Kind::Keys | Kind::Values | Kind::Items) => {
            let places = Places::new(parts, sequence.items.len())?;
            fuel.values(places.count)?;
            let items = places.indexes().map(|index| sequence.items[index].clone());
            let kind = match sequence.kind {
                Kind::Group => Kind::Tuple,
                Kind::Range { start, step, .. } => Kind::Range {
                    start: sum_of(start, places.start, step)?,
                    stop: sum_of(start, places.stop, step)?,
                    step: sum_of(0, places.step, step)?,
                },
                kind => kind,
            };
            Value::sequence(kind, items.collect(), fuel)
        }
        Value::Dict(_) => fail("unhashable type: 'slice'"),
        _ => fail(format!("'{}' object is not subscriptable", value.kind())),
    }
}

/// `start + times * step`.
fn sum_of(start: i64, times: i64, step: i64) -> Result<i64> {
    match times.checked_mul(step).and_then(|distance| start.checked_add(distance)) {
        Some(sum) => Ok(sum),
        None => fail("a number is too large"),
    }
}

/// The attribute that a filter names by a path like `function.name` or a number.
pub(super) fn path(value: &Value, path: &Value, fuel: &Fuel) -> Result<Value> {
    let Value::Str(text) = path else {
        return if matches!(path, Value::None) { Ok(value.clone()) } else { item(value, path, fuel) };
    };
    fuel.read(text.len())?;
    let mut found = value.clone();
    for part in text.split('.') {
        fuel.steps(1)?;
        let number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        let key = number.map_or_else(|| Value::text(part), Value::Int);
        found = item(&found, &key, fuel)?;
    }
    Ok(found)
}
