//! Ids and token types: integers of every width, alone or in arrays. Their type counts: the largest value that it holds is
//! what some converters write for "none".

use crate::gguf::{Array, Error, Metadata, Value};

/// Integers, and the largest that their type can hold.
#[derive(Debug, PartialEq)]
pub(super) struct Integers {
    pub values: Vec<i64>,
    pub largest: i64,
}

/// The integers at `key`, one or an array of them; those above `i64::MAX` become it.
pub(super) fn read(
    metadata: &Metadata,
    key: &str,
    expected: &'static str,
) -> Result<Option<Integers>, Error> {
    let Some(value) = metadata.get(key) else { return Ok(None) };
    integers(value).map(Some).ok_or_else(|| ill_typed(key, expected, value))
}

/// The array of integers at `key`.
pub(super) fn read_array(metadata: &Metadata, key: &str) -> Result<Option<Vec<i64>>, Error> {
    const EXPECTED: &str = "an array of integers";
    match metadata.get(key) {
        None | Some(Value::Array(_)) => Ok(read(metadata, key, EXPECTED)?.map(|integers| integers.values)),
        Some(value) => Err(ill_typed(key, EXPECTED, value)),
    }
}

fn ill_typed(key: &str, expected: &'static str, value: &Value) -> Error {
    Error::MetadataType { key: key.into(), expected, found: value.to_string() }
}

/// A number or an array of numbers; none for anything else.
fn integers(value: &Value) -> Option<Integers> {
    fn all<T: Copy + Into<i64>>(values: &[T], largest: T) -> Option<Integers> {
        Some(Integers { values: values.iter().map(|&v| v.into()).collect(), largest: largest.into() })
    }
    fn unsigned(values: &[u64]) -> Option<Integers> {
        let values = values.iter().map(|&v| i64::try_from(v).unwrap_or(i64::MAX)).collect();
        Some(Integers { values, largest: i64::MAX })
    }
    fn whole(value: f64, largest: i64) -> Option<Integers> {
        let whole = value.fract() == 0.0 && value.abs() < 2f64.powi(53);
        whole.then(|| Integers { values: vec![value as i64], largest })
    }
    match value {
        Value::U8(v) => all(&[*v], u8::MAX),
        Value::I8(v) => all(&[*v], i8::MAX),
        Value::U16(v) => all(&[*v], u16::MAX),
        Value::I16(v) => all(&[*v], i16::MAX),
        Value::U32(v) => all(&[*v], u32::MAX),
        Value::I32(v) => all(&[*v], i32::MAX),
        Value::I64(v) => all(&[*v], i64::MAX),
        Value::U64(v) => unsigned(&[*v]),
        // 4294967295 as f32 has it.
        Value::F32(v) => whole((*v).into(), 1 << 32),
        Value::F64(v) => whole(*v, i64::MAX),
        Value::Array(Array::U8(v)) => all(v, u8::MAX),
        Value::Array(Array::I8(v)) => all(v, i8::MAX),
        Value::Array(Array::U16(v)) => all(v, u16::MAX),
        Value::Array(Array::I16(v)) => all(v, i16::MAX),
        Value::Array(Array::U32(v)) => all(v, u32::MAX),
        Value::Array(Array::I32(v)) => all(v, i32::MAX),
        Value::Array(Array::I64(v)) => all(v, i64::MAX),
        Value::Array(Array::U64(v)) => unsigned(v),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width() {
        let one = |largest| Some(Integers { values: vec![1], largest });
        for (value, largest) in [
            (Value::U8(1), 0xff),
            (Value::I8(1), 0x7f),
            (Value::U16(1), 0xffff),
            (Value::I16(1), 0x7fff),
            (Value::U32(1), 0xffff_ffff),
            (Value::I32(1), 0x7fff_ffff),
            (Value::U64(1), i64::MAX),
            (Value::I64(1), i64::MAX),
            (Value::F32(1.0), 1 << 32),
            (Value::F64(1.0), i64::MAX),
            (Value::Array(Array::U8(vec![1])), 0xff),
            (Value::Array(Array::I8(vec![1])), 0x7f),
            (Value::Array(Array::U16(vec![1])), 0xffff),
            (Value::Array(Array::I16(vec![1])), 0x7fff),
            (Value::Array(Array::U32(vec![1])), 0xffff_ffff),
            (Value::Array(Array::I32(vec![1])), 0x7fff_ffff),
            (Value::Array(Array::U64(vec![1])), i64::MAX),
            (Value::Array(Array::I64(vec![1])), i64::MAX),
        ] {
            assert_eq!(integers(&value), one(largest), "{value:?}");
        }
        assert_eq!(integers(&Value::U64(u64::MAX)).map(|n| n.values), Some(vec![i64::MAX]));
        for value in [
            Value::F32(1.5),
            Value::F64(f64::INFINITY),
            Value::Bool(true),
            Value::String("1".into()),
            Value::Array(Array::F32(vec![1.0])),
            Value::Array(Array::Bool(vec![true])),
        ] {
            assert_eq!(integers(&value), None, "{value:?}");
        }
    }
}
