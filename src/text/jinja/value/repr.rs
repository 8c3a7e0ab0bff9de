//! Values as text: Python's `str` and `repr`.

use super::{Kind, Object, Value};
use crate::text::jinja::python::characters::{escaped, is_printable};
use crate::text::jinja::python::numbers;
use crate::text::jinja::{Fuel, Result, fail};
use std::sync::Arc;

/// Namespaces may be nested in one another without a bound.
const DEPTH: usize = 100;

/// `str(value)`.
pub fn text(value: &Value, fuel: &Fuel) -> Result<Arc<str>> {
    Ok(match value {
        Value::Str(text) => text.clone(),
        Value::Undefined(_) => "".into(),
        Value::Object(object) => match &**object {
            // The joiner's only method is its call.
            Object::Joiner { .. } => "<jinja2.utils.Joiner object>".into(),
            _ => repr(value, fuel)?.into(),
        },
        _ => repr(value, fuel)?.into(),
    })
}

/// `repr(value)`.
pub fn repr(value: &Value, fuel: &Fuel) -> Result<String> {
    let mut out = String::new();
    write(value, 0, &mut out, fuel)?;
    Ok(out)
}

/// `level` deep in others.
fn write(value: &Value, level: usize, out: &mut String, fuel: &Fuel) -> Result<()> {
    fuel.steps(1)?;
    if level > DEPTH {
        return fail("values are nested too deeply to be printed");
    }
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(int) => *out += &int.to_string(),
        Value::Float(float) => *out += &numbers::float(*float),
        Value::Str(text) => {
            fuel.bytes(text.len())?;
            quote(text, out);
        }
        Value::Sequence(sequence) => match sequence.kind {
            Kind::List => series("[", &sequence.items, "]", level, out, fuel)?,
            Kind::Tuple | Kind::Group if sequence.items.len() == 1 => {
                series("(", &sequence.items, ",)", level, out, fuel)?;
            }
            Kind::Tuple | Kind::Group => series("(", &sequence.items, ")", level, out, fuel)?,
            Kind::Range { start, stop, step: 1 } => *out += &format!("range({start}, {stop})"),
            Kind::Range { start, stop, step } => *out += &format!("range({start}, {stop}, {step})"),
            Kind::Keys => series("dict_keys([", &sequence.items, "])", level, out, fuel)?,
            Kind::Values => series("dict_values([", &sequence.items, "])", level, out, fuel)?,
            Kind::Items => series("dict_items([", &sequence.items, "])", level, out, fuel)?,
        },
        Value::Dict(dict) => write_dict(&dict.pairs, level, out, fuel)?,
        Value::Iterator(_) => out.push_str("<generator object>"),
        Value::Object(object) => match &**object {
            Object::Namespace(fields) => {
                out.push_str("<Namespace ");
                // A namespace may hold itself.
                let fields = fields.try_borrow_mut().map(|mut fields| std::mem::take(&mut *fields));
                let fields = fields.unwrap_or_default();
                let written = write_dict(&fields, level, out, fuel);
                if let Object::Namespace(place) = &**object {
                    *place.borrow_mut() = fields;
                }
                written?;
                out.push('>');
            }
            Object::Macro(of, _) => {
                out.push_str("<Macro ");
                quote(&of.name, out);
                out.push('>');
            }
            Object::Loop(state) => {
                let index = match state.attribute("index") {
                    Some(Value::Int(index)) => index,
                    _ => 0,
                };
                *out += &format!("<LoopContext {index}/{}>", state.len());
            }
            Object::Function(name) => *out += &format!("<function {name}>"),
            Object::Method(of, name) => *out += &format!("<built-in method {name} of {} object>", of.kind()),
            Object::Cycler { .. } => out.push_str("<jinja2.utils.Cycler object>"),
            Object::Joiner { .. } => out.push_str("<jinja2.utils.Joiner object>"),
        },
    }
    Ok(())
}

fn series(
    open: &str,
    items: &[Value],
    close: &str,
    level: usize,
    out: &mut String,
    fuel: &Fuel,
) -> Result<()> {
    out.push_str(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(item, level + 1, out, fuel)?;
    }
    out.push_str(close);
    Ok(())
}

fn write_dict(pairs: &[(Value, Value)], level: usize, out: &mut String, fuel: &Fuel) -> Result<()> {
    out.push('{');
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(key, level + 1, out, fuel)?;
        out.push_str(": ");
        write(value, level + 1, out, fuel)?;
    }
    out.push('}');
    Ok(())
}

/// `repr` of a string.
fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == mark => {
                out.push('\\');
                out.push(mark);
            }
            _ if is_printable(character) => out.push(character),
            _ => *out += &escaped(character),
        }
    }
    out.push(mark);
}
