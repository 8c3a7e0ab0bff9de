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
