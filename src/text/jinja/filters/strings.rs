//! Filters of strings.

use super::super::arguments::{Arguments, count, flag, int, text};
use super::super::python::case;
use super::super::python::characters::is_space;
use super::super::strings::{methods, percent};
use super::super::value::{Value, repr};
use super::super::{Fuel, Result, fail};

pub(super) fn call(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    if name == "truncate" {
        return truncate(value, arguments, fuel);
    }
    if name == "urlencode" {
        arguments.bind(name, [], 0)?;
        return url_encode(value, fuel).map(Value::text);
    }
    if name == "indent" {
        value.defined()?;
        return indent(text(Some(value))?, arguments, fuel).map(Value::text);
    }
    let written = repr::text(value, fuel)?;
    // What changes case or escapes may make more bytes.
    fuel.product(6, written.len())?;
    Ok(Value::text(match name {
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"], 2)?;
            let old = repr::text(&old.unwrap_or(Value::None), fuel)?;
            let new = repr::text(&new.unwrap_or(Value::None), fuel)?;
            let count = int(count.as_ref().filter(|count| !matches!(count, Value::None)))?;
            methods::replace(&written, &old, &new, count, fuel)?
        }
        "center" => {
            let [width] = arguments.bind(name, ["width"], 0)?;
            methods::pad(&written, int(width.as_ref())?.unwrap_or(80), ' ', "center", fuel)?
        }
        "trim" => {
            let [characters] = arguments.bind(name, ["chars"], 0)?;
            methods::strip(&written, "strip", characters.as_ref(), fuel)?.into()
        }
        "format" => {
            let Arguments { positional, named } = arguments;
            if !positional.is_empty() && !named.is_empty() {
                return fail("can't handle positional and keyword arguments at the same time");
            }
            let values = if named.is_empty() {
                Value::tuple(positional, fuel)?
            } else {
                let pairs = named.into_iter().map(|(name, value)| (Value::Str(name), value));
                Value::dict(pairs.collect(), fuel)?
            };
            percent::format(&written, &values, fuel)?
        }
        _ => {
            arguments.bind(name, [], 0)?;
            match name {
                "upper" => written.to_uppercase(),
                "lower" => written.to_lowercase(),
                "capitalize" => case::capitalize(&written),
                "title" => title(&written),
                "wordcount" => {
                    let is_word = |c: char| c.is_alphanumeric() || c == '_';
                    let words = written.split(|c| !is_word(c)).filter(|word| !word.is_empty()).count();
                    return Ok(Value::Int(words as i64));
                }
                _ => escape(&written),
            }
        }
    }))
}

/// Words by what Jinja2 takes for their beginnings, which is not what Python does.
fn title(value: &str) -> String {
    let mut title = String::with_capacity(value.len());
    let mut first = true;
    for character in value.chars() {
        if first {
            title.extend(character.to_uppercase())
        } else {
            title.extend(character.to_lowercase())
        }
        first = is_space(character) || "-({[<".contains(character);
    }
    title
}

fn escape(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut escaped, character| {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\'' => escaped += "&#39;",
            '"' => escaped += "&#34;",
            _ => escaped.push(character),
        }
        escaped
    })
}

fn indent(value: &str, arguments: Arguments, fuel: &Fuel) -> Result<String> {
    let [width, first, blank] = arguments.bind("indent", ["width", "first", "blank"], 0)?;
    let indention = match &width {
        Some(Value::Str(text)) => text.to_string(),
        width => {
            let width = count(int(width.as_ref())?.unwrap_or(4));
            fuel.bytes(width)?;
            " ".repeat(width)
        }
    };
    fuel.product(2, value.len())?;
    let with_end = format!("{value}\n");
    let lines = methods::lines(&with_end, false, fuel)?;
    fuel.product(lines.len(), indention.len() + 1)?;
    let mut indented = if flag(first.as_ref()) { indention.clone() } else { String::new() };
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            indented.push('\n');
            if !line.is_empty() || flag(blank.as_ref()) {
                indented += &indention;
            }
        }
        indented += line;
    }
    Ok(indented)
}

fn truncate(value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let names = ["length", "killwords", "end", "leeway"];
    let [length, kill, end, leeway] = arguments.bind("truncate", names, 0)?;
    let length = int(length.as_ref())?.unwrap_or(255);
    let leeway = int(leeway.as_ref().filter(|leeway| !matches!(leeway, Value::None)))?.unwrap_or(5);
    let end = end.unwrap_or_else(|| Value::text("..."));
    let end = text(Some(&end))?;
    fuel.bytes(end.len())?;
    let room = length.saturating_sub(end.chars().count() as i64);
    if room < 0 || leeway < 0 {
        return fail("truncate takes a length that its end fits into, and no negative leeway");
    }
    if value.len(fuel)? as i64 <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let kept: String = text(Some(value))?.chars().take(room as usize).collect();
    let kept = match kept.rsplit_once(' ') {
        Some((words, _)) if !flag(kill.as_ref()) => words,
        _ => &kept,
    };
    Ok(Value::text(format!("{kept}{end}")))
}

fn url_encode(value: &Value, fuel: &Fuel) -> Result<String> {
    let items = match value {
        Value::Dict(_) | Value::Sequence(_) | Value::Iterator(_) => match value {
            Value::Dict(dict) => dict.pairs.clone(),
            _ => Arguments { positional: vec![value.clone()], named: Vec::new() }
                .into_pairs("urlencode", fuel)?,
        },
        _ => return quote(value, "/", fuel),
    };
    let mut parts = Vec::new();
    for (key, value) in &items {
        let part = format!("{}={}", quote(key, "", fuel)?, quote(value, "", fuel)?);
        parts.push(part.replace("%20", "+"));
    }
    Ok(parts.join("&"))
}

fn quote(value: &Value, kept: &str, fuel: &Fuel) -> Result<String> {
    let text = repr::text(value, fuel)?;
    fuel.product(3, text.len())?;
    Ok(text.bytes().fold(String::new(), |mut quoted, byte| {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || "_.-~".contains(character) || kept.contains(character) {
            quoted.push(character);
        } else {
            quoted += &format!("%{byte:02X}");
        }
        quoted
    }))
}
