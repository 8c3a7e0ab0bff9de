//! The order of values, as Python has it.

use super::equality::{alike, equal, numbers};
use super::{Kind, Value};
use crate::text::jinja::syntax::ast::Comparison;
use crate::text::jinja::{Fuel, Result, fail};
use std::cmp::Ordering;

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_))
}

/// The order of two values; `operator` names the comparison for the error.
fn order(left: &Value, right: &Value, operator: &str, fuel: &Fuel) -> Result<Option<Ordering>> {
    fuel.steps(1)?;
    match (left.defined()?, right.defined()?) {
        (Value::Str(left), Value::Str(right)) => {
            fuel.bytes(left.len().min(right.len()))?;
            Ok(Some(left.cmp(right)))
        }
        (Value::Sequence(l), Value::Sequence(r))
            if alike(l, r) && matches!(l.kind, Kind::List | Kind::Tuple | Kind::Group) =>
        {
            for (left, right) in l.items.iter().zip(&r.items) {
                if !equal(left, right, fuel)? {
                    return order(left, right, operator, fuel);
                }
            }
            Ok(Some(l.items.len().cmp(&r.items.len())))
        }
        (left, right) if is_number(left) && is_number(right) => Ok(numbers(left, right)),
        (left, right) => fail(format!(
            "'{operator}' not supported between instances of '{}' and '{}'",
            left.kind(),
            right.kind()
        )),
    }
}

/// Whether `left < right`.
pub fn less(left: &Value, right: &Value, fuel: &Fuel) -> Result<bool> {
    Ok(order(left, right, "<", fuel)? == Some(Ordering::Less))
}

pub fn holds(left: &Value, comparison: Comparison, right: &Value, fuel: &Fuel) -> Result<bool> {
    Ok(match comparison {
        Comparison::Equal => equal(left, right, fuel)?,
        Comparison::NotEqual => !equal(left, right, fuel)?,
        Comparison::Less => less(left, right, fuel)?,
        Comparison::LessOrEqual => order(left, right, "<=", fuel)?.is_some_and(Ordering::is_le),
        Comparison::Greater => order(left, right, ">", fuel)? == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order(left, right, ">=", fuel)?.is_some_and(Ordering::is_ge),
        Comparison::In => contains(right, left, fuel)?,
        Comparison::NotIn => !contains(right, left, fuel)?,
    })
}

fn contains(container: &Value, value: &Value, fuel: &Fuel) -> Result<bool> {
    match container {
        Value::Undefined(_) => Ok(false),
        Value::Str(text) => match value.as_str() {
            Some(part) => {
                fuel.bytes(text.len())?;
                Ok(text.contains(part))
            }
            None => fail(format!("'in <string>' requires string as left operand, not {}", value.kind())),
        },
        Value::Dict(dict) => Ok(dict.get(value, fuel)?.is_some()),
        Value::Sequence(sequence) => any_equal(sequence.items.iter(), value, fuel),
        Value::Iterator(iterator) => {
            while let Some(next) = iterator.next()? {
                if equal(&next, value, fuel)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => fail(format!("argument of type '{}' is not iterable", container.kind())),
    }
}

fn any_equal<'v>(mut values: impl Iterator<Item = &'v Value>, wanted: &Value, fuel: &Fuel) -> Result<bool> {
    values.try_fold(false, |found, value| Ok(found || equal(value, wanted, fuel)?))
}

/// `items` in the order of their keys, those with equal keys as they come.
pub fn sort(items: Vec<(Value, Value)>, reverse: bool, fuel: &Fuel) -> Result<Vec<Value>> {
    fuel.values(2 * items.len())?;
    let mut sorted = merge_sort(items, reverse, fuel)?;
    Ok(sorted.drain(..).map(|(_, value)| value).collect())
}

/// Not the standard library's: a comparison can fail, and need not be an order.
fn merge_sort(mut items: Vec<(Value, Value)>, reverse: bool, fuel: &Fuel) -> Result<Vec<(Value, Value)>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = merge_sort(items.split_off(items.len() / 2), reverse, fuel)?;
    let left = merge_sort(items, reverse, fuel)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some((first, _)), Some((second, _))) = (left.peek(), right.peek()) {
        let later = if reverse { less(first, second, fuel)? } else { less(second, first, fuel)? };
        merged.extend(if later { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
