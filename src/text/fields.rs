//! Metadata of a tokenizer: numbers of every width are read, anything else is an error that names the key.

use crate::gguf::{Array, Error, Metadata, Value};

fn ill_typed(key: &str, expected: &'static str) -> Error {
    Error::Metadata { key: key.into(), expected }
}

/// The string at `key`; an empty one is none.
pub(super) fn string<'a>(metadata: &'a Metadata, key: &str) -> Result<Option<&'a str>, Error> {
    match metadata.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(ill_typed(key, "a string")),
    }
}

/// The strings at `key`.
pub(super) fn strings<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a [String], Error> {
    metadata.strings(key).ok_or_else(|| ill_typed(key, "an array of strings"))
}

/// The switch at `key`: a boolean, or 0 or 1 as a number.
pub(super) fn flag(metadata: &Metadata, key: &str) -> Result<Option<bool>, Error> {
    let Some(value) = metadata.get(key) else { return Ok(None) };
    if let Value::Bool(on) = value {
        return Ok(Some(*on));
    }
    match integers(value).as_ref().map(|numbers| (value, numbers.values.as_slice())) {
        Some((Value::Array(_), _)) | None => {}
        Some((_, [0])) => return Ok(Some(false)),
        Some((_, [1])) => return Ok(Some(true)),
        Some(_) => {}
    }
    Err(ill_typed(key, "a boolean"))
}

/// Integers, and the largest that their type can hold.
#[derive(Debug, PartialEq)]
pub(super) struct Integers {
    pub values: Vec<i64>,
    pub largest: i64,
}

/// A number or an array of numbers; none for anything else. Those above `i64::MAX` become it.
pub(super) fn integers(value: &Value) -> Option<Integers> {
    fn all<T: Copy + Into<i64>>(values: &[T], largest: T) -> Option<Integers> {
        Some(Integers { values: values.iter().map(|&v| v.into()).collect(), largest: largest.into() })
    }
    fn unsigned(values: &[u64]) -> Option<Integers> {
        let values = values.iter().map(|&v| i64::try_from(v).unwrap_or(i64::MAX)).collect();
        Some(Integers { values, largest: i64::MAX })
    }
    fn whole(value: f64) -> Option<Integers> {
        let whole = value.fract() == 0.0 && value.abs() < 2f64.powi(53);
        whole.then(|| Integers { values: vec![value as i64], largest: i64::MAX })
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
        Value::F32(v) => whole((*v).into()),
        Value::F64(v) => whole(*v),
        Value::Array(Array::U8(v)) => all(v, u8::MAX),
        Value::Array(Array::I8(v)) => all(v, i8::MAX),
        Value::Array(Array::U16(v)) => all(v, u16::MAX),
        Value::Array(Array::I16(v)) => all(v, i16::MAX),
        Value::Array(Array::U32(v)) => all(v, u32::MAX),
        Value::Array(Array::I32(v)) => all(v, i32::MAX),
        Value::Array(Array::I64(v)) => all(v, i64::MAX),
        Value::Array(Array::U64(v)) => unsigned(v),
        Value::Array(_) | Value::Bool(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: Value) -> Metadata {
        Metadata(vec![("key".into(), value)])
    }

    #[test]
    fn switches_are_read_from_every_number() {
        assert_eq!(flag(&Metadata::default(), "key").unwrap(), None);
        let (no, yes) = (Some(false), Some(true));
        for (value, expected) in [
            (Value::Bool(true), yes),
            (Value::U8(0), no),
            (Value::U8(1), yes),
            (Value::I16(1), yes),
            (Value::U32(0), no),
            (Value::I64(1), yes),
            (Value::U64(1), yes),
            (Value::F32(0.0), no),
            (Value::F64(1.0), yes),
        ] {
            assert_eq!(flag(&with(value.clone()), "key").unwrap(), expected, "{value:?}");
        }
        for value in [
            Value::U8(2),
            Value::I32(-1),
            Value::F32(0.5),
            Value::F32(f32::NAN),
            Value::String("true".into()),
            Value::Array(Array::Bool(vec![true])),
            Value::Array(Array::U8(vec![1])),
        ] {
            let error = flag(&with(value.clone()), "key").unwrap_err();
            assert!(error.to_string().contains("key"), "{value:?}: {error}");
        }
    }

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
            (Value::F32(1.0), i64::MAX),
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

    #[test]
    fn strings_are_strings() {
        assert_eq!(string(&with(Value::String("a".into())), "key").unwrap(), Some("a"));
        assert_eq!(string(&with(Value::String(String::new())), "key").unwrap(), None);
        assert!(string(&with(Value::U32(1)), "key").is_err());
        assert!(strings(&with(Value::String("a".into())), "key").is_err());
        assert!(strings(&Metadata::default(), "key").is_err());
    }
}
