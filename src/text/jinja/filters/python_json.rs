//! `tojson` as chat templates expect it: Python's `json.dumps`, with spaces after commas and colons, `<` and `>`
//! as they are, and the options that `transformers` passes on.

use super::super::python::numbers;
use super::super::value::order::sort;
use super::super::value::{Kind, Value};
use super::super::{Fuel, Result, fail};

/// The arguments of `json.dumps`.
pub(super) struct Options {
    pub(super) ascii: bool,
    /// What every level is indented by; everything stands on one line without it.
    pub(super) indent: Option<String>,
    pub(super) sort_keys: bool,
    pub(super) item_separator: String,
    pub(super) key_separator: String,
}

impl Options {
    pub(super) fn new(ascii: bool, indent: Option<String>, sort_keys: bool) -> Self {
        let item_separator = if indent.is_some() { "," } else { ", " }.into();
        Self { ascii, indent, sort_keys, item_separator, key_separator: ": ".into() }
    }
}

pub(super) fn dumps(value: &Value, options: &Options, fuel: &Fuel) -> Result<String> {
    let mut writer = Writer { options, fuel, out: String::new(), level: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'o> {
    options: &'o Options,
    fuel: &'o Fuel,
    out: String,
    level: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<()> {
        self.fuel.steps(1)?;
        match value {
            Value::Str(text) => return self.string(text),
            Value::Sequence(sequence) if matches!(sequence.kind, Kind::List | Kind::Tuple | Kind::Group) => {
                return self.series('[', &sequence.items, ']', Self::value);
            }
            Value::Dict(dict) if self.options.sort_keys => {
                let keyed = dict.pairs.iter().map(|(key, value)| {
                    Ok((key.clone(), Value::tuple(vec![key.clone(), value.clone()], self.fuel)?))
                });
                let sorted = sort(keyed.collect::<Result<_>>()?, false, self.fuel)?;
                return self.series('{', &sorted, '}', |writer, pair| match pair {
                    Value::Sequence(pair) => writer.pair(&pair.items[0], &pair.items[1]),
                    _ => Ok(()),
                });
            }
            Value::Dict(dict) => {
                return self.series('{', &dict.pairs, '}', |writer, (key, value)| writer.pair(key, value));
            }
            _ => {}
        }
        match plain(value) {
            Some(written) => self.out += &written,
            None => return fail(format!("Object of type {} is not JSON serializable", value.kind())),
        }
        Ok(())
    }

    fn series<T>(
        &mut self,
        open: char,
        items: &[T],
        close: char,
        mut write: impl FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        self.out.push(open);
        self.level += 1;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.fuel.bytes(self.options.item_separator.len())?;
                self.out += &self.options.item_separator;
            }
            self.new_line()?;
            write(self, item)?;
        }
        self.level -= 1;
        if !items.is_empty() {
            self.new_line()?;
        }
        self.out.push(close);
        Ok(())
    }

    fn new_line(&mut self) -> Result<()> {
        if let Some(indent) = &self.options.indent {
            self.fuel.product(self.level, indent.len())?;
            self.out.push('\n');
            self.out += &indent.repeat(self.level);
        }
        Ok(())
    }

    fn pair(&mut self, key: &Value, value: &Value) -> Result<()> {
        match key {
            Value::Str(key) => self.string(key)?,
            key => match plain(key) {
                Some(key) => self.out += &format!("\"{key}\""),
                None => {
                    let kind = key.kind();
                    return fail(format!("keys must be str, int, float, bool or None, not {kind}"));
                }
            },
        }
        self.fuel.bytes(self.options.key_separator.len())?;
        self.out += &self.options.key_separator;
        self.value(value)
    }

    fn string(&mut self, text: &str) -> Result<()> {
        self.fuel.product(6, text.len())?;
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out += "\\\"",
                '\\' => self.out += "\\\\",
                '\n' => self.out += "\\n",
                '\r' => self.out += "\\r",
                '\t' => self.out += "\\t",
                '\x08' => self.out += "\\b",
                '\x0c' => self.out += "\\f",
                '\0'..='\x1f' => self.escape(character),
                '\x7f'.. if self.options.ascii => self.escape(character),
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn escape(&mut self, character: char) {
        for half in character.encode_utf16(&mut [0; 2]) {
            self.out += &format!("\\u{half:04x}");
        }
    }
}

/// What is written without quotes, as a value.
fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::None => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if value.is_nan() => "NaN".into(),
        Value::Float(value) if value.is_infinite() => {
            if *value > 0.0 {
                "Infinity".into()
            } else {
                "-Infinity".into()
            }
        }
        Value::Float(value) => numbers::float(*value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(written: &str, options: &Options) -> String {
        let value: Value = serde_json::from_str(written).unwrap();
        dumps(&value, options, &Fuel::new(1_000)).unwrap()
    }

    #[test]
    fn looks_like_python() {
        let value = r#"{"a":[1,"<é>\n"],"b":{"c":null}}"#;
        let plain = Options::new(false, None, false);
        assert_eq!(json(value, &plain), r#"{"a": [1, "<é>\n"], "b": {"c": null}}"#);
        let lines = "{\n  \"b\": [\n    1\n  ],\n  \"a\": {}\n}";
        assert_eq!(json(r#"{"b":[1],"a":{}}"#, &Options::new(false, Some("  ".into()), false)), lines);
        let sorted = Options::new(true, None, true);
        assert_eq!(json(r#"{"b":"é😀","a":1.0}"#, &sorted), r#"{"a": 1.0, "b": "\u00e9\ud83d\ude00"}"#);
    }
}
