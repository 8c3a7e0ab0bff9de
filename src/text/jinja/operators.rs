//! Arithmetic, as Python does it.

use super::arguments::count;
use super::strings::percent;
use super::syntax::ast::Operator;
use super::value::{Kind, Value};
use super::{Fuel, Result, fail};

pub(super) fn apply(left: &Value, operator: Operator, right: &Value, fuel: &Fuel) -> Result<Value> {
    left.defined()?;
    // `'%s' % x` prints an undefined x as nothing.
    if !(operator == Operator::Modulo && left.as_str().is_some()) {
        right.defined()?;
    }
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return of_ints(left, operator, right);
    }
    if let (Some(left), Some(right)) = (left.as_float(), right.as_float()) {
        return of_floats(left, operator, right).map(Value::Float);
    }
    match (operator, left, right) {
        (Operator::Add, Value::Str(left), Value::Str(right)) => {
            fuel.bytes(left.len() + right.len())?;
            Ok(Value::text([&**left, &**right].concat()))
        }
        (Operator::Add, Value::Sequence(l), Value::Sequence(r)) => {
            let kind = match (l.kind, r.kind) {
                (Kind::List, Kind::List) => Kind::List,
                (Kind::Tuple | Kind::Group, Kind::Tuple | Kind::Group) => Kind::Tuple,
                _ => return unsupported(left, operator, right),
            };
            fuel.values(l.items.len() + r.items.len())?;
            Value::sequence(kind, [&l.items[..], &r.items[..]].concat(), fuel)
        }
        (Operator::Multiply, value, times) | (Operator::Multiply, times, value)
            if times.as_int().is_some() && matches!(value, Value::Str(_) | Value::Sequence(_)) =>
        {
            repeat(value, count(times.as_int().unwrap_or(0)), fuel)
        }
        (Operator::Modulo, Value::Str(format), _) => percent::format(format, right, fuel).map(Value::text),
        _ => unsupported(left, operator, right),
    }
}

fn unsupported<T>(left: &Value, operator: Operator, right: &Value) -> Result<T> {
    let written = match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Modulo => "%",
        Operator::Power => "** or pow()",
    };
    if let (Operator::Add, Value::Str(_)) = (operator, left) {
        return fail(format!("can only concatenate str (not \"{}\") to str", right.kind()));
    }
    fail(format!("unsupported operand type(s) for {written}: '{}' and '{}'", left.kind(), right.kind()))
}

fn repeat(value: &Value, times: usize, fuel: &Fuel) -> Result<Value> {
    match value {
        Value::Str(text) => {
            fuel.product(times, text.len())?;
            Ok(Value::text(text.repeat(times)))
        }
        Value::Sequence(sequence) if matches!(sequence.kind, Kind::List | Kind::Tuple | Kind::Group) => {
            let times = if sequence.items.is_empty() { 0 } else { times };
            fuel.product(times, size_of_val(&sequence.items[..]))?;
            let kind = if sequence.kind == Kind::List { Kind::List } else { Kind::Tuple };
            let items = std::iter::repeat_n(&sequence.items, times).flatten().cloned();
            Value::sequence(kind, items.collect(), fuel)
        }
        _ => unsupported(value, Operator::Multiply, &Value::Int(0)),
    }
}

fn of_ints(left: i64, operator: Operator, right: i64) -> Result<Value> {
    let zero = right == 0 && matches!(operator, Operator::FloorDivide | Operator::Modulo);
    let value = match operator {
        _ if zero => return fail("integer division or modulo by zero"),
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => return of_floats(left as f64, operator, right as f64).map(Value::Float),
        Operator::FloorDivide => left.checked_div_euclid(right).map(|quotient| {
            // Euclid's remainder is never negative; Python's has the sign of the divisor.
            if right < 0 && left.rem_euclid(right) != 0 { quotient - 1 } else { quotient }
        }),
        Operator::Modulo => {
            let remainder = left.wrapping_rem_euclid(right);
            Some(if right < 0 && remainder != 0 { remainder + right } else { remainder })
        }
        Operator::Power if right < 0 => {
            return of_floats(left as f64, operator, right as f64).map(Value::Float);
        }
        Operator::Power => u32::try_from(right).ok().and_then(|power| left.checked_pow(power)),
    };
    match value {
        Some(value) => Ok(Value::Int(value)),
        None => fail("a number is too large"),
    }
}

fn of_floats(left: f64, operator: Operator, right: f64) -> Result<f64> {
    let divides = matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Modulo);
    if divides && right == 0.0 {
        return fail("division by zero");
    }
    // The remainder has the sign of the divisor.
    let remainder = || {
        let remainder = left % right;
        if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) { remainder + right } else { remainder }
    };
    Ok(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Modulo => remainder(),
        Operator::FloorDivide => {
            let rest = left % right;
            let less = rest != 0.0 && (rest < 0.0) != (right < 0.0);
            let quotient = (left - rest) / right - f64::from(less);
            let floor = quotient.floor();
            if quotient - floor > 0.5 { floor + 1.0 } else { floor }
        }
        Operator::Power if left == 0.0 && right < 0.0 => {
            return fail("0.0 cannot be raised to a negative power");
        }
        Operator::Power if left < 0.0 && right.fract() != 0.0 => {
            return fail("a negative number cannot be raised to a fraction");
        }
        Operator::Power => left.powf(right),
    })
}

/// `-value` and `+value`.
pub(super) fn signed(value: &Value, negative: bool) -> Result<Value> {
    match (value.defined()?, value.as_int()) {
        (Value::Float(value), _) => Ok(Value::Float(if negative { -value } else { *value })),
        (_, Some(value)) => match if negative { value.checked_neg() } else { Some(value) } {
            Some(value) => Ok(Value::Int(value)),
            None => fail("a number is too large"),
        },
        _ => {
            let sign = if negative { '-' } else { '+' };
            fail(format!("bad operand type for unary {sign}: '{}'", value.kind()))
        }
    }
}
