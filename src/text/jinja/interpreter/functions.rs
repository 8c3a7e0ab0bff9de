//! The functions that every template can call.

use super::super::arguments::{Arguments, int, text};
use super::super::value::{Kind, Object, Value, nested, repr};
use super::super::{Fuel, Result, fail};
use crate::text::strftime::strftime_now;
use std::cell::{Cell, RefCell};

pub(super) const NAMES: [&str; 7] =
    ["cycler", "dict", "joiner", "namespace", "raise_exception", "range", "strftime_now"];

/// The longest range that the sandbox makes.
const LONGEST_RANGE: u64 = 100_000;

pub(super) fn call(name: &str, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    match name {
        "range" => range(arguments, fuel),
        "dict" => Value::dict(arguments.into_pairs(name, fuel)?, fuel),
        "namespace" => {
            let pairs = arguments.into_pairs(name, fuel)?;
            for (key, _) in &pairs {
                check_field(key)?;
            }
            Ok(Value::object(Object::Namespace(RefCell::new(pairs))))
        }
        "cycler" if !arguments.named.is_empty() => fail("cycler takes no named arguments"),
        "cycler" if arguments.positional.is_empty() => fail("at least one item has to be provided"),
        "cycler" => {
            let items = arguments.positional;
            fuel.values(items.len())?;
            let depth = nested(items.iter().map(Value::depth))?;
            Ok(Value::object(Object::Cycler { items, position: Cell::new(0), depth }))
        }
        "joiner" => {
            let [separator] = arguments.bind(name, ["sep"], 0)?;
            let separator = separator.unwrap_or_else(|| Value::text(", "));
            let depth = nested([separator.depth()].into_iter())?;
            Ok(Value::object(Object::Joiner { separator, used: Cell::new(false), depth }))
        }
        "raise_exception" => {
            let [message] = arguments.bind(name, ["message"], 1)?;
            fail(&*repr::text(&message.unwrap_or(Value::None), fuel)?)
        }
        _ => {
            let [format] = arguments.bind(name, ["format"], 1)?;
            let format = text(format.as_ref())?;
            fuel.product(format.len(), LONGEST_CONVERSION)?;
            let written = strftime_now(format).or_else(fail)?;
            Ok(Value::text(written))
        }
    }
}

/// Bytes that `strftime_now` makes of one byte of its format, at most.
const LONGEST_CONVERSION: usize = 32;

/// Whether a namespace may have a field of that name.
pub(super) fn check_field(key: &Value) -> Result<()> {
    match key.as_str() {
        Some(name) if name.starts_with('_') => {
            fail(format!("a namespace cannot have the attribute '{name}': it starts with an underscore"))
        }
        _ => Ok(()),
    }
}

fn range(arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let numbers = arguments.bind("range", ["start", "stop", "step"], 1)?;
    let [first, second, step] =
        [int(numbers[0].as_ref())?, int(numbers[1].as_ref())?, int(numbers[2].as_ref())?];
    let (start, stop) = match (first, second) {
        (Some(start), Some(stop)) => (start, stop),
        (stop, _) => (0, stop.unwrap_or(0)),
    };
    let step = step.unwrap_or(1);
    let count = match step.unsigned_abs() {
        0 => return fail("range() arg 3 must not be zero"),
        size if (step > 0) == (start < stop) => start.abs_diff(stop).div_ceil(size),
        _ => 0,
    };
    if count > LONGEST_RANGE {
        return fail(format!("Range too big. The sandbox blocks ranges larger than {LONGEST_RANGE}."));
    }
    fuel.values(count as usize)?;
    // Between start and stop, even where the distance is no `i64`.
    let items = (0..count as i64).map(|index| Value::Int(start.wrapping_add(index.wrapping_mul(step))));
    Value::sequence(Kind::Range { start, stop, step }, items.collect(), fuel)
}
