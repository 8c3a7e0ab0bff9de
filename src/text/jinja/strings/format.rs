//! `'…{}…'.format(values)`.

use super::spec::Spec;
use crate::text::jinja::arguments::{Arguments, place};
use crate::text::jinja::python::characters::ascii;
use crate::text::jinja::value::{Value, repr};
use crate::text::jinja::{Fuel, Result, fail, subscript};

pub(super) fn format(format: &str, arguments: &Arguments, fuel: &Fuel) -> Result<String> {
    Formatter { arguments, automatic: 0, fuel }.format(format, 2)
}

struct Formatter<'a> {
    arguments: &'a Arguments,
    /// The next value of a field without a name.
    automatic: usize,
    fuel: &'a Fuel,
}

impl Formatter<'_> {
    /// Fields may have fields in their specifications, to a depth of `levels`.
    fn format(&mut self, format: &str, levels: usize) -> Result<String> {
        let mut out = String::new();
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out += &rest[..at];
            let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(after) = after.strip_prefix(brace) {
                out += brace;
                rest = after;
                continue;
            }
            if brace == "}" {
                return fail("Single '}' encountered in format string");
            }
            let Some(end) = closing(after) else { return fail("expected '}' before end of string") };
            let field = self.field(&after[..end], levels)?;
            self.fuel.bytes(out.len() + field.len())?;
            out += &field;
            rest = &after[end + 1..];
        }
        Ok(out + rest)
    }

    /// One field: `name!conversion:specification`.
    fn field(&mut self, field: &str, levels: usize) -> Result<String> {
        if levels == 0 {
            return fail("Max string recursion exceeded");
        }
        let end = field.find(['!', ':']).unwrap_or(field.len());
        let value = self.value(&field[..end])?;
        let (conversion, spec) = match field[end..].strip_prefix('!') {
            Some(rest) => {
                let (conversion, spec) = rest.split_once(':').unwrap_or((rest, ""));
                (Some(conversion), spec)
            }
            None => (None, field[end..].strip_prefix(':').unwrap_or_default()),
        };
        let value = match conversion {
            None => value,
            Some("s") => Value::Str(repr::text(&value, self.fuel)?),
            Some("r") => Value::text(repr::repr(&value, self.fuel)?),
            Some("a") => Value::text(ascii(&repr::repr(&value, self.fuel)?)),
            Some(other) => return fail(format!("Unknown conversion specifier '{other}'")),
        };
        let spec = if spec.contains(['{', '}']) { self.format(spec, levels - 1)? } else { spec.into() };
        if spec.is_empty() {
            return repr::text(&value, self.fuel).map(|text| text.to_string());
        }
        Spec::parse(&spec)?.apply(&value, self.fuel)
    }

    /// The value of `0.attribute[key]`.
    fn value(&mut self, path: &str) -> Result<Value> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, mut rest) = path.split_at(end);
        let index = if name.is_empty() {
            self.automatic += 1;
            Some(self.automatic - 1)
        } else {
            name.parse().ok()
        };
        let found = match index {
            Some(index) => self.arguments.positional.get(index),
            None => {
                place(&self.arguments.named, name, self.fuel)?.map(|index| &self.arguments.named[index].1)
            }
        };
        let Some(mut value) = found.cloned() else {
            return fail(match index {
                Some(index) => format!("Replacement index {index} out of range for positional args tuple"),
                None => format!("the format names '{name}', which is not an argument"),
            });
        };
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = subscript::attribute(&value, &after[..end].into(), self.fuel)?;
                rest = &after[end..];
            } else if let Some((key, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                let key = key.parse().map_or_else(|_| Value::text(key), Value::Int);
                value = subscript::item(&value, &key, self.fuel)?;
                rest = after;
            } else {
                return fail("Only '.' or '[' may follow ']' in format field specifier");
            }
        }
        Ok(value)
    }
}

/// Where the brace that is open at the start of `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    text.char_indices().find_map(|(at, character)| {
        open += match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        (open == 0).then_some(at)
    })
}
