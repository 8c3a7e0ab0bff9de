//! `tojson` as chat templates expect it: Python's `json.dumps(value, ensure_ascii=False)`, with spaces after
//! commas and colons, and `<` and `>` as they are.

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io::{Result, Write};

/// `value` as JSON, on one line or indented by `indent` spaces.
pub(super) fn to_python_json(value: &impl Serialize, indent: Option<u8>) -> serde_json::Result<String> {
    let mut out = Vec::new();
    match indent {
        None => value.serialize(&mut Serializer::with_formatter(&mut out, Spaced))?,
        Some(spaces) => {
            let indent = vec![b' '; spaces.into()];
            let formatter = PrettyFormatter::with_indent(&indent);
            value.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        CompactFormatter.begin_object_value(writer)?;
        writer.write_all(b" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_python() {
        let value = serde_json::json!({"a": [1, "<é>\n"], "b": {"c": null}});
        assert_eq!(to_python_json(&value, None).unwrap(), r#"{"a": [1, "<é>\n"], "b": {"c": null}}"#);
        let lines = "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}";
        assert_eq!(to_python_json(&serde_json::json!({"a": [1], "b": {}}), Some(2)).unwrap(), lines);
    }
}
