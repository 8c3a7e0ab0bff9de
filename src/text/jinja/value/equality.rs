//! Which values are equal, as Python has it, and so what is under a key.

use super::{Dict, Kind, Sequence, Value};
use crate::text::jinja::{Fuel, Result, fail};
use std::cmp::Ordering;
use std::rc::Rc;

pub fn equal(left: &Value, right: &Value, fuel: &Fuel) -> Result<bool> {
    fuel.steps(1)?;
    Ok(match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Str(left), Value::Str(right)) => {
            fuel.bytes(left.len().min(right.len()))?;
            left == right
        }
        (Value::Sequence(left), Value::Sequence(right)) => {
            Rc::ptr_eq(left, right) || (alike(left, right) && equal_items(&left.items, &right.items, fuel)?)
        }
        (Value::Dict(left), Value::Dict(right)) => {
            if Rc::ptr_eq(left, right) {
                return Ok(true);
            }
            if left.pairs.len() != right.pairs.len() {
                return Ok(false);
            }
            for (key, value) in &left.pairs {
                match right.get(key, fuel)? {
                    Some(other) if equal(value, other, fuel)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Iterator(left), Value::Iterator(right)) => Rc::ptr_eq(left, right),
        (Value::Object(left), Value::Object(right)) => Rc::ptr_eq(left, right),
        _ => numbers(left, right) == Some(Ordering::Equal),
    })
}

/// Whether two sequences can be equal.
pub fn alike(left: &Sequence, right: &Sequence) -> bool {
    let group = |sequence: &Sequence| match sequence.kind {
        Kind::List => 0,
        Kind::Tuple | Kind::Group => 1,
        Kind::Range { .. } => 2,
        Kind::Keys | Kind::Items => 3,
        Kind::Values => 4,
    };
    group(left) == group(right)
}

pub fn equal_items(left: &[Value], right: &[Value], fuel: &Fuel) -> Result<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter().zip(right) {
        if !equal(left, right, fuel)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two numbers; bools are numbers. Nothing where one is none, or not a number.
pub fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Float(left), _) => left.partial_cmp(&(right.as_int()? as f64)),
        (_, Value::Float(right)) => (left.as_int()? as f64).partial_cmp(right),
        _ => Some(left.as_int()?.cmp(&right.as_int()?)),
    }
}

impl Dict {
    pub fn get(&self, key: &Value, fuel: &Fuel) -> Result<Option<&Value>> {
        let position = position(&self.pairs, key, fuel)?;
        Ok(position.map(|index| &self.pairs[index].1))
    }
}

/// Where `key` is among `pairs`.
fn position(pairs: &[(Value, Value)], key: &Value, fuel: &Fuel) -> Result<Option<usize>> {
    key.check_hashable(fuel)?;
    if let Value::Str(wanted) = key {
        return place_of(pairs, wanted, fuel);
    }
    fuel.steps(pairs.len() / 8)?;
    for (index, (candidate, _)) in pairs.iter().enumerate() {
        if equal(candidate, key, fuel)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Where the string `wanted` is among the keys of `pairs`.
pub fn place_of(pairs: &[(Value, Value)], wanted: &str, fuel: &Fuel) -> Result<Option<usize>> {
    fuel.steps(pairs.len() / 8)?;
    for (index, (key, _)) in pairs.iter().enumerate() {
        if let Some(key) = key.as_str().filter(|key| key.len() == wanted.len()) {
            fuel.read(wanted.len())?;
            if key == wanted {
                return Ok(Some(index));
            }
        }
    }
    Ok(None)
}

/// Sets `key` to `value` where it stands, or adds it at the end.
pub fn set_pair(pairs: &mut Vec<(Value, Value)>, key: Value, value: Value, fuel: &Fuel) -> Result<()> {
    match position(pairs, &key, fuel)? {
        Some(index) => pairs[index].1 = value,
        None => {
            fuel.values(2)?;
            pairs.push((key, value));
        }
    }
    Ok(())
}

impl Value {
    /// Python's `hash(value)`, as far as it can fail.
    pub fn check_hashable(&self, fuel: &Fuel) -> Result<()> {
        match self {
            Self::Dict(_) => fail("unhashable type: 'dict'"),
            Self::Sequence(sequence) => match sequence.kind {
                // The same tuple may be in it many times over.
                Kind::Tuple | Kind::Group => sequence.items.iter().try_for_each(|item| {
                    fuel.steps(1)?;
                    item.check_hashable(fuel)
                }),
                Kind::List => fail("unhashable type: 'list'"),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
