//! Filters of numbers.

use super::super::arguments::{Arguments, flag, int};
use super::super::python::numbers::{parse_float, parse_int};
use super::super::value::Value;
use super::super::{Fuel, Result, fail, operators};

pub(super) fn call(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    if let Value::Str(text) = value {
        fuel.product(4, text.len())?;
    }
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
        _ => value.as_float(),
    }
}

fn round(value: &Value, arguments: Arguments) -> Result<Value> {
    let [precision, method] = arguments.bind("round", ["precision", "method"], 0)?;
    let precision = int(precision.as_ref())?.unwrap_or(0);
    let method = method.as_ref().map_or(Some("common"), Value::as_str);
    let Some(number) = value.defined()?.as_float() else {
        return fail(format!("type {} doesn't define __round__ method", value.kind()));
    };
    match (method, value.as_int()) {
        (Some("common"), Some(int)) => round_int(int, precision).map(Value::Int),
        (Some("common"), None) => round_to(number, precision).map(Value::Float),
        (Some("ceil" | "floor"), Some(int)) if precision >= 0 => Ok(Value::Float(int as f64)),
        (Some("ceil"), _) => scaled(number, precision, f64::ceil).map(Value::Float),
        (Some("floor"), _) => scaled(number, precision, f64::floor).map(Value::Float),
        _ => fail("method must be common, ceil or floor"),
    }
}

/// The power of ten, which is zero or infinite beyond the range of floats.
fn power_of_ten(exponent: i64) -> f64 {
    10_f64.powi(exponent.clamp(-400, 400) as i32)
}

/// `number` made whole by `whole`, `precision` digits after the point.
fn scaled(number: f64, precision: i64, whole: fn(f64) -> f64) -> Result<f64> {
    let power = power_of_ten(precision);
    let scaled = number * power;
    if power == 0.0 || !scaled.is_finite() {
        return fail("a number is too large to be rounded");
    }
    Ok(whole(scaled) / power)
}

/// Python's `round(int, precision)`.
fn round_int(int: i64, precision: i64) -> Result<i64> {
    if precision >= 0 {
        return Ok(int);
    }
    // No more digits than an `i64` has count: beyond them all rounds to zero.
    let power = 10_i128.pow(precision.unsigned_abs().min(20) as u32);
    let int = i128::from(int);
    let (below, rest) = (int.div_euclid(power), int.rem_euclid(power));
    let up = 2 * rest > power || (2 * rest == power && below % 2 != 0);
    let rounded = (below + i128::from(up)) * power;
    i64::try_from(rounded).or_else(|_| fail("a number is too large"))
}

/// Python's `round(number, precision)`: of the decimal digits of the exact value.
fn round_to(number: f64, precision: i64) -> Result<f64> {
    // Beyond these every digit, or none, is kept.
    if !number.is_finite() || precision > 323 {
        return Ok(number);
    }
    if let Ok(precision) = usize::try_from(precision) {
        return Ok(format!("{number:.precision$}").parse().unwrap_or(number));
    }
    if precision < -308 {
        return Ok(0.0_f64.copysign(number));
    }
    let power = power_of_ten(-precision);
    let rounded = (number / power).round_ties_even() * power;
    if rounded.is_finite() { Ok(rounded) } else { fail("rounded value too large to represent") }
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
