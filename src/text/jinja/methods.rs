//! Methods of Python's own types.

use super::arguments::{Arguments, optional_int};
use super::strings::methods as of_strings;
use super::subscript::Places;
use super::value::equality::equal;
use super::value::{Kind, Object, Value};
use super::{Fuel, Result, fail};
use std::rc::Rc;

pub(super) fn call(value: &Value, name: &str, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    match value {
        Value::Str(text) => of_strings::call(text, name, arguments, fuel),
        Value::Dict(dict) => {
            if name == "get" {
                let [key, default] = arguments.bind("get", ["key", "default"], 1)?;
                let found = dict.get(&key.unwrap_or(Value::None), fuel)?.cloned();
                return Ok(found.or(default).unwrap_or(Value::None));
            }
            arguments.bind(name, [], 0)?;
            fuel.values(2 * dict.pairs.len())?;
            let pairs = dict.pairs.iter();
            match name {
                "keys" => Value::sequence(Kind::Keys, pairs.map(|(key, _)| key.clone()).collect(), fuel),
                "values" => {
                    Value::sequence(Kind::Values, pairs.map(|(_, value)| value.clone()).collect(), fuel)
                }
                "items" => {
                    let items =
                        pairs.map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()], fuel));
                    Value::sequence(Kind::Items, items.collect::<Result<_>>()?, fuel)
                }
                _ => Ok(value.clone()),
            }
        }
        Value::Sequence(sequence) => match name {
            "count" => {
                let [wanted] = arguments.bind(name, ["value"], 1)?;
                let mut count = 0;
                for item in &sequence.items {
                    let same = equal(item, wanted.as_ref().unwrap_or(&Value::None), fuel)?;
                    count += i64::from(same);
                }
                Ok(Value::Int(count))
            }
            "index" => {
                let [wanted, start, stop] = arguments.bind(name, ["value", "start", "stop"], 1)?;
                let wanted = wanted.unwrap_or(Value::None);
                let parts = [optional_int(start.as_ref())?, optional_int(stop.as_ref())?, None];
                let places = Places::new(parts, sequence.items.len())?;
                for (index, item) in
                    sequence.items.iter().enumerate().skip(places.start as usize).take(places.count)
                {
                    if equal(item, &wanted, fuel)? {
                        return Ok(Value::Int(index as i64));
                    }
                }
                fail(format!("the value is not in the {}", value.kind()))
            }
            _ => {
                arguments.bind(name, [], 0)?;
                Ok(value.clone())
            }
        },
        Value::Float(float) => {
            arguments.bind(name, [], 0)?;
            Ok(Value::Bool(float.is_finite() && float.fract() == 0.0))
        }
        Value::Object(object) => of_object(object, name, arguments, fuel),
        _ => fail(format!("'{}' object has no attribute '{name}'", value.kind())),
    }
}

fn of_object(object: &Rc<Object>, name: &str, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    match &**object {
        Object::Loop(_) if !arguments.named.is_empty() => {
            fail(format!("loop.{name} takes no named arguments"))
        }
        Object::Loop(state) if name == "changed" => {
            state.changed(arguments.positional, fuel).map(Value::Bool)
        }
        Object::Loop(state) => state.cycle(&arguments.positional),
        Object::Cycler { items, position, .. } => {
            arguments.bind(name, [], 0)?;
            if name == "reset" {
                position.set(0);
                return Ok(Value::None);
            }
            let current = items[position.get()].clone();
            position.set((position.get() + 1) % items.len());
            Ok(current)
        }
        _ => fail(format!("there is no method '{name}'")),
    }
}
