//! Metadata, and how keys are read from it: a key that is absent is `None`, one of another type is converted where that
//! loses nothing, and refused by name where it does. Nothing falls back to a default because of its type.

use super::{Array, Error, Value};

/// Metadata in file order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(pub Vec<(String, Value)>);

impl Metadata {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Adds or replaces `key`.
    pub fn set(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, v)) => *v = value,
            None => self.0.push((key, value)),
        }
    }

    /// A number that is whole and not negative, of any integer or float type.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the key is there and is none.
    pub fn optional_uint(&self, key: &str) -> Result<Option<u64>, Error> {
        self.read(key, UINT, Value::as_uint)
    }

    /// As [`Self::optional_uint`], or [`Error::Metadata`] where the key is absent.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::MetadataType`].
    pub fn require_uint(&self, key: &str) -> Result<u64, Error> {
        self.optional_uint(key)?.ok_or_else(|| missing(key, UINT))
    }

    /// A number of any integer or float type.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the key is there and is none.
    pub fn optional_float(&self, key: &str) -> Result<Option<f64>, Error> {
        self.read(key, FLOAT, Value::as_float)
    }

    /// As [`Self::optional_float`], or [`Error::Metadata`] where the key is absent.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::MetadataType`].
    pub fn require_float(&self, key: &str) -> Result<f64, Error> {
        self.optional_float(key)?.ok_or_else(|| missing(key, FLOAT))
    }

    /// A boolean, or an integer that is 0 or 1.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the key is there and is neither.
    pub fn optional_bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.read(key, "a boolean", Value::as_bool)
    }

    /// A string.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the key is there and is no string, or one that is not UTF-8.
    pub fn optional_string(&self, key: &str) -> Result<Option<&str>, Error> {
        self.read(key, STRING, |value| match value {
            Value::String(v) => Some(v.as_str()),
            _ => None,
        })
    }

    /// As [`Self::optional_string`], or [`Error::Metadata`] where the key is absent.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::MetadataType`].
    pub fn require_string(&self, key: &str) -> Result<&str, Error> {
        self.optional_string(key)?.ok_or_else(|| missing(key, STRING))
    }

    /// An array of strings.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the key is there and is none, or one of the strings is not UTF-8.
    pub fn optional_strings(&self, key: &str) -> Result<Option<&[String]>, Error> {
        self.read(key, STRINGS, |value| match value {
            Value::Array(Array::String(v)) => Some(v.as_slice()),
            Value::Array(v) if v.is_empty() => Some(&[]),
            _ => None,
        })
    }

    /// As [`Self::optional_strings`], or [`Error::Metadata`] where the key is absent.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::MetadataType`].
    pub fn require_strings(&self, key: &str) -> Result<&[String], Error> {
        self.optional_strings(key)?.ok_or_else(|| missing(key, STRINGS))
    }

    /// An array of numbers that are whole and not negative, of any integer or float type.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the key is there and is none.
    pub fn optional_uints(&self, key: &str) -> Result<Option<Vec<u64>>, Error> {
        self.read(key, "an array of unsigned integers", |value| match value {
            Value::Array(v) => v.convert(Value::as_uint),
            _ => None,
        })
    }

    fn read<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        convert(value).map(Some).ok_or_else(|| Error::MetadataType {
            key: key.into(),
            expected,
            found: value.to_string(),
        })
    }

    /// A name that people read and nothing depends on: empty where it is absent or no string, with what is not UTF-8
    /// replaced.
    pub fn label(&self, key: &str) -> String {
        match self.get(key) {
            Some(Value::String(v)) => v.clone(),
            Some(Value::Bytes(v)) => String::from_utf8_lossy(v).into_owned(),
            _ => String::new(),
        }
    }
}

const UINT: &str = "an unsigned integer";
const FLOAT: &str = "a number";
const STRING: &str = "a string";
const STRINGS: &str = "an array of strings";

fn missing(key: &str, expected: &'static str) -> Error {
    Error::Metadata { key: key.into(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_converted_or_refused_by_name() {
        let one = |value: Value| Metadata(vec![("k".into(), value)]);
        let whole = [
            Value::U8(7),
            Value::I8(7),
            Value::U16(7),
            Value::I16(7),
            Value::U32(7),
            Value::I32(7),
            Value::U64(7),
            Value::I64(7),
            Value::F32(7.0),
            Value::F64(7.0),
        ];
        for value in whole {
            let metadata = one(value);
            assert_eq!(metadata.optional_uint("k").unwrap(), Some(7));
            assert_eq!(metadata.require_uint("k").unwrap(), 7);
            assert_eq!(metadata.optional_float("k").unwrap(), Some(7.0));
            assert_eq!(metadata.optional_bool("k").unwrap_err().code(), "gguf-metadata");
        }
        for value in
            [Value::I32(-1), Value::F32(0.5), Value::F64(1e20), Value::F64(f64::NAN), Value::F64(-1.0)]
        {
            let said = value.to_string();
            let error = one(value).optional_uint("k").unwrap_err().to_string();
            assert!(error.contains(&format!("metadata k is {said}, not an unsigned integer")), "{error}");
        }
        for value in [Value::Bool(true), Value::String("7".into()), Value::Array(Array::U32(vec![7]))] {
            let metadata = one(value);
            assert!(
                metadata.optional_uint("k").is_err() && metadata.optional_float("k").is_err(),
                "{metadata:?}"
            );
        }
        assert_eq!(one(Value::U64(u64::MAX)).require_uint("k").unwrap(), u64::MAX);
        assert_eq!(one(Value::F32(0.25)).require_float("k").unwrap(), 0.25);

        for (value, expected) in [(Value::Bool(true), true), (Value::U8(1), true), (Value::I64(0), false)] {
            assert_eq!(one(value).optional_bool("k").unwrap(), Some(expected));
        }
        for value in [Value::U8(2), Value::I8(-1), Value::F32(1.0), Value::String("true".into())] {
            assert!(one(value).optional_bool("k").is_err());
        }
        let absent = Metadata::default();
        assert_eq!((absent.optional_uint("k").unwrap(), absent.optional_bool("k").unwrap()), (None, None));
        assert_eq!(absent.optional_strings("k").unwrap(), None);
        let error = absent.require_uint("k").unwrap_err().to_string();
        assert!(error.contains("metadata k is missing"), "{error}");
    }

    #[test]
    fn strings_and_arrays_are_converted_or_refused_by_name() {
        let one = |value: Value| Metadata(vec![("k".into(), value)]);
        let cut = "x".repeat(100);
        for (value, words) in [
            (Value::U8(1), "the integer 1, not a string"),
            (Value::Bytes(vec![0xff]), "a string that is not UTF-8"),
            (Value::Array(Array::Bool(vec![true])), "an array of 1 booleans"),
        ] {
            let error = one(value).require_string("k").unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let error = one(Value::String(cut)).optional_uint("k").unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");

        let arrays = [
            Array::U8(vec![0, 5]),
            Array::I8(vec![0, 5]),
            Array::U16(vec![0, 5]),
            Array::I16(vec![0, 5]),
            Array::U32(vec![0, 5]),
            Array::I32(vec![0, 5]),
            Array::U64(vec![0, 5]),
            Array::I64(vec![0, 5]),
            Array::F32(vec![0.0, 5.0]),
            Array::F64(vec![0.0, 5.0]),
        ];
        for array in arrays {
            assert_eq!(one(Value::Array(array)).optional_uints("k").unwrap(), Some(vec![0, 5]));
        }
        for array in [Array::I32(vec![1, -1]), Array::F32(vec![0.5]), Array::String(vec!["1".into()])] {
            let error = one(Value::Array(array)).optional_uints("k").unwrap_err().to_string();
            assert!(error.contains("metadata k is an array of"), "{error}");
        }
        let empty = one(Value::Array(Array::I32(vec![])));
        assert_eq!(empty.optional_strings("k").unwrap(), Some(&[] as &[String]));
        let error =
            one(Value::Array(Array::Bytes(vec![vec![0xff]]))).require_strings("k").unwrap_err().to_string();
        assert!(error.contains("metadata k is an array of 1 strings that are not all UTF-8"), "{error}");
    }
}
