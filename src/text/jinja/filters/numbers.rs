//! Filters of numbers.

use super::super::arguments::{Arguments, flag, int};
use super::super::numbers::{parse_float, parse_int};
use super::super::operators::as_float;
use super::super::value::Value;
use super::super::{Fuel, Result, fail, operators};

pub(super) fn call(name: &str, value: &Value, arguments: Arguments, _fuel: &Fuel) -> Result<Value> {
    match name {
        "abs" => {
            arguments.bind(name, [], 0)?;
            match value.defined()? {
                Value::Float(float) => Ok(Value::Float(float.abs())),
                _ if value.as_int().is_some_and(|int| int >= 0) => operators::signed(value, false),
                _ => operators::signed(value, true),
            }
        }
        "float" => {
            let [default] = arguments.bind(name, ["default"], 0)?;
            let number = read_float(value.defined()?);
            Ok(number.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        "int" => {
            let [default, base] = arguments.bind(name, ["default", "base"], 0)?;
            let base = int(base.as_ref())?.unwrap_or(10);
            let number = match value.defined()? {
                Value::Str(text) => u32::try_from(base).ok().and_then(|base| parse_int(text, base)),
                Value::Float(_) => None,
                value => value.as_int(),
            };
            let whole = || read_float(value).filter(|float| float.abs() < i64::MAX as f64);
            let number = number.or_else(|| whole().map(|float| float as i64));
            Ok(number.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
        }
        "round" => round(value, arguments),
        _ => {
            let [binary] = arguments.bind(name, ["binary"], 0)?;
            let Some(bytes) = read_float(value.defined()?) else {
                return fail(format!("filesizeformat takes a number, not {}", value.kind()));
            };
            Ok(Value::text(file_size(bytes, flag(binary.as_ref()))))
        }
    }
}

/// Python's `float(value)`.
fn read_float(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => parse_float(text),
        _ => as_float(value),
    }
}

fn round(value: &Value, arguments: Arguments) -> Result<Value> {
    let [precision, method] = arguments.bind("round", ["precision", "method"], 0)?;
    let precision = int(precision.as_ref())?.unwrap_or(0);
    let method = method.as_ref().map_or(Some("common"), Value::as_str);
    let Some(number) = as_float(value.defined()?) else {
        return fail(format!("type {} doesn't define __round__ method", value.kind()));
    };
    let power = 10_f64.powi(i32::try_from(precision).unwrap_or(i32::MAX));
    match method {
        Some("common") => Ok(match value.as_int() {
            Some(int) if precision >= 0 => Value::Int(int),
            Some(int) => {
                Value::Int(round_half_even(int as f64 * power) as i64 * (1.0 / power).round() as i64)
            }
            None => Value::Float(round_to(number, precision)),
        }),
        Some("ceil") => Ok(Value::Float((number * power).ceil() / power)),
        Some("floor") => Ok(Value::Float((number * power).floor() / power)),
        _ => fail("method must be common, ceil or floor"),
    }
}

fn round_half_even(number: f64) -> f64 {
    number.round_ties_even()
}

/// Python's `round(number, precision)`: of the decimal digits of the exact value.
fn round_to(number: f64, precision: i64) -> f64 {
    match usize::try_from(precision) {
        Ok(precision) if precision > 30 => number,
        Ok(precision) => format!("{number:.precision$}").parse().unwrap_or(number),
        Err(_) => {
            let power = 10_f64.powi(i32::try_from(-precision).unwrap_or(i32::MAX));
            round_half_even(number / power) * power
        }
    }
}

fn file_size(bytes: f64, binary: bool) -> String {
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return "1 Byte".into();
    }
    if bytes < base {
        return format!("{} Bytes", bytes as i64);
    }
    let mut unit = base;
    for letter in ["k", "M", "G", "T", "P", "E", "Z"] {
        unit *= base;
        if bytes < unit {
            let letter = if binary && letter == "k" { "K" } else { letter };
            return format!("{:.1} {letter}{}", base * bytes / unit, if binary { "iB" } else { "B" });
        }
    }
    format!("{:.1} Y{}", bytes / unit, if binary { "iB" } else { "B" })
}
