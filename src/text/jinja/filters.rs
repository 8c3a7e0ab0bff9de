//! Jinja2's filters: `value | name`.

mod numbers;
mod python_json;
mod selection;
mod sequences;
mod strings;
mod wrap;

use super::arguments::{Arguments, count, flag, int, text};
use super::syntax::known;
use super::value::{Value, repr};
use super::{Fuel, Result, fail, subscript};

use std::sync::Arc;

pub(super) fn call(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    match name {
        "default" | "d" => {
            let [default, boolean] = arguments.bind(name, ["default_value", "boolean"], 0)?;
            let replace =
                matches!(value, Value::Undefined(_)) || (flag(boolean.as_ref()) && !value.is_true());
            Ok(if replace { default.unwrap_or_else(|| Value::text("")) } else { value.clone() })
        }
        "attr" => {
            let [attribute] = arguments.bind(name, ["name"], 1)?;
            let attribute: Arc<str> = text(attribute.as_ref())?.into();
            match value {
                // What is under a key is no attribute.
                Value::Dict(dict) if dict.get(&Value::Str(attribute.clone()), fuel)?.is_some() => {
                    Ok(Value::undefined(format!("'dict object' has no attribute '{attribute}'")))
                }
                _ => subscript::attribute(value, &attribute, fuel),
            }
        }
        "string" | "safe" => {
            arguments.bind(name, [], 0)?;
            repr::text(value, fuel).map(Value::Str)
        }
        "pprint" => {
            arguments.bind(name, [], 0)?;
            repr::repr(value, fuel).map(Value::text)
        }
        "tojson" => to_json(value, arguments, fuel),
        "abs" | "float" | "int" | "round" | "filesizeformat" => numbers::call(name, value, arguments, fuel),
        "map" | "select" | "reject" | "selectattr" | "rejectattr" => {
            selection::call(name, value, arguments, fuel)
        }
        "capitalize" | "center" | "e" | "escape" | "forceescape" | "format" | "indent" | "lower"
        | "replace" | "title" | "trim" | "truncate" | "upper" | "urlencode" | "wordcount" => {
            strings::call(name, value, arguments, fuel)
        }
        "wordwrap" => {
            let names = ["width", "break_long_words", "wrapstring", "break_on_hyphens"];
            let [width, long, newline, hyphens] = arguments.bind(name, names, 0)?;
            let newline = newline.filter(|newline| !matches!(newline, Value::None));
            let wrapping = wrap::Wrapping {
                width: int(width.as_ref())?.unwrap_or(79),
                break_long_words: long.is_none_or(|long| long.is_true()),
                newline: newline.as_ref().map_or(Ok("\n"), |newline| text(Some(newline)))?,
                break_on_hyphens: hyphens.is_none_or(|hyphens| hyphens.is_true()),
            };
            wrapping.wrap(text(Some(value))?, fuel).map(Value::text)
        }
        _ if known::is_filter_left_out(name) => fail(format!("the filter '{name}' is not supported")),
        _ if known::is_filter(name) => sequences::call(name, value, arguments, fuel),
        _ => fail(format!("No filter named '{name}'.")),
    }
}

/// `tojson` as `transformers` has it: `json.dumps` with its options.
fn to_json(value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ascii, indent, separators, sorted] = arguments.bind("tojson", names, 0)?;
    let indent = match &indent {
        None | Some(Value::None) => None,
        Some(Value::Str(indent)) => Some(indent.to_string()),
        indent => {
            let width = count(int(indent.as_ref())?.unwrap_or(0));
            fuel.bytes(width)?;
            Some(" ".repeat(width))
        }
    };
    let mut options = python_json::Options::new(flag(ascii.as_ref()), indent, flag(sorted.as_ref()));
    if let Some(separators) = separators.filter(|separators| !matches!(separators, Value::None)) {
        let [item, key] = <[Value; 2]>::try_from(separators.iterate(fuel)?)
            .or_else(|_| fail("tojson takes two separators"))?;
        options.item_separator = text(Some(&item))?.into();
        options.key_separator = text(Some(&key))?.into();
    }
    python_json::dumps(value, &options, fuel).map(Value::text)
}
