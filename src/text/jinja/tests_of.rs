//! Jinja2's tests: `value is name`.

use super::arguments::Arguments;
use super::syntax::ast::{Comparison, Operator};
use super::syntax::known;
use super::value::equality::equal;
use super::value::order::holds;
use super::value::{Kind, Object, Value, repr};
use super::{Fuel, Result, fail, operators, strings};
use std::rc::Rc;

/// Whether `value` passes the test.
pub(super) fn call(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<bool> {
    let comparison = match name {
        "eq" | "==" | "equalto" => Some(Comparison::Equal),
        "ne" | "!=" => Some(Comparison::NotEqual),
        "lt" | "<" | "lessthan" => Some(Comparison::Less),
        "le" | "<=" => Some(Comparison::LessOrEqual),
        "gt" | ">" | "greaterthan" => Some(Comparison::Greater),
        "ge" | ">=" => Some(Comparison::GreaterOrEqual),
        "in" => Some(Comparison::In),
        _ => None,
    };
    if let Some(comparison) = comparison {
        let [other] = arguments.bind(name, ["other"], 1)?;
        return holds(value, comparison, &other.unwrap_or(Value::None), fuel);
    }
    if let "divisibleby" | "sameas" = name {
        let [other] = arguments.bind(name, ["other"], 1)?;
        let other = other.unwrap_or(Value::None);
        return if name == "sameas" { Ok(same(value, &other)) } else { remainder(value, &other, 0, fuel) };
    }
    arguments.bind(name, [], 0)?;
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined(_)),
        "undefined" => matches!(value, Value::Undefined(_)),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_)),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "sequence" => match value {
            Value::Sequence(sequence) => !matches!(sequence.kind, Kind::Keys | Kind::Values | Kind::Items),
            Value::Undefined(_) | Value::Str(_) | Value::Dict(_) => true,
            _ => false,
        },
        "iterable" => match value {
            Value::Object(object) => matches!(&**object, Object::Loop(_)),
            _ => !matches!(value, Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_)),
        },
        "callable" => match value {
            Value::Object(object) => !matches!(&**object, Object::Namespace(_) | Object::Cycler { .. }),
            _ => matches!(value, Value::Undefined(_)),
        },
        "odd" => remainder(value, &Value::Int(2), 1, fuel)?,
        "even" => remainder(value, &Value::Int(2), 0, fuel)?,
        "lower" | "upper" => {
            let text = repr::text(value, fuel)?;
            let method = if name == "lower" { "islower" } else { "isupper" };
            strings::methods::call(&text, method, Arguments::default(), fuel)?.is_true()
        }
        "filter" => value.as_str().is_some_and(known::is_filter),
        "test" => value.as_str().is_some_and(known::is_test),
        "escaped" => false,
        _ => return fail(format!("No test named '{name}'.")),
    })
}

fn remainder(value: &Value, divisor: &Value, wanted: i64, fuel: &Fuel) -> Result<bool> {
    let remainder = operators::apply(value, Operator::Modulo, divisor, fuel)?;
    equal(&remainder, &Value::Int(wanted), fuel)
}

/// Python's `value is other`, as far as it is no accident.
fn same(value: &Value, other: &Value) -> bool {
    match (value, other) {
        (Value::None, Value::None) => true,
        (Value::Bool(value), Value::Bool(other)) => value == other,
        (Value::Int(value), Value::Int(other)) => value == other,
        (Value::Str(value), Value::Str(other)) => value == other,
        (Value::Sequence(value), Value::Sequence(other)) => Rc::ptr_eq(value, other),
        (Value::Dict(value), Value::Dict(other)) => Rc::ptr_eq(value, other),
        (Value::Object(value), Value::Object(other)) => Rc::ptr_eq(value, other),
        _ => false,
    }
}
