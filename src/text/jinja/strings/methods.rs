//! Methods of strings.

use super::format::format;
use crate::text::jinja::arguments::{Arguments, count, flag, int, optional_int, text};
use crate::text::jinja::python::case::{capitalize, is, swap_case, title};
use crate::text::jinja::python::characters::is_space;
use crate::text::jinja::subscript::Places;
use crate::text::jinja::value::Value;
use crate::text::jinja::{Fuel, Result, fail};
use std::collections::BTreeSet;

pub fn call(value: &str, name: &str, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    // Case can make three bytes of one.
    fuel.product(3, value.len())?;
    match name {
        "format" => return format(value, &arguments, fuel).map(Value::text),
        "format_map" => {
            let [mapping] = arguments.bind(name, ["mapping"], 1)?;
            let Some(Value::Dict(dict)) = mapping else { return fail("format_map takes a dict") };
            fuel.values(2 * dict.pairs.len())?;
            let named = dict.pairs.iter().filter_map(|(key, value)| match key {
                Value::Str(key) => Some((key.clone(), value.clone())),
                _ => None,
            });
            let arguments = Arguments { positional: Vec::new(), named: named.collect() };
            return format(value, &arguments, fuel).map(Value::text);
        }
        "count" | "find" | "index" | "rfind" | "rindex" | "startswith" | "endswith" => {
            return search(value, name, arguments, fuel);
        }
        "split" | "rsplit" => {
            let [separator, limit] = arguments.bind(name, ["sep", "maxsplit"], 0)?;
            let separator = separator.filter(|separator| !matches!(separator, Value::None));
            let limit = int(limit.as_ref())?.and_then(|limit| usize::try_from(limit).ok());
            let parts =
                split(value, separator.as_ref(), limit.unwrap_or(usize::MAX - 1), name == "rsplit", fuel)?;
            return Value::list(parts.into_iter().map(Value::text).collect(), fuel);
        }
        "splitlines" => {
            let [keep] = arguments.bind(name, ["keepends"], 0)?;
            let lines = lines(value, flag(keep.as_ref()), fuel)?;
            return Value::list(lines.into_iter().map(Value::text).collect(), fuel);
        }
        "partition" | "rpartition" => {
            let [separator] = arguments.bind(name, ["sep"], 1)?;
            let separator = text(separator.as_ref())?;
            if separator.is_empty() {
                return fail("empty separator");
            }
            let found = if name == "partition" { value.find(separator) } else { value.rfind(separator) };
            let parts = match found {
                Some(at) => [&value[..at], separator, &value[at + separator.len()..]],
                None if name == "partition" => [value, "", ""],
                None => ["", "", value],
            };
            return Value::tuple(parts.map(Value::text).into(), fuel);
        }
        "strip" | "lstrip" | "rstrip" => {
            let [characters] = arguments.bind(name, ["chars"], 0)?;
            return strip(value, name, characters.as_ref(), fuel).map(Value::text);
        }
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"], 2)?;
            let count = int(count.as_ref())?;
            return replace(value, text(old.as_ref())?, text(new.as_ref())?, count, fuel).map(Value::text);
        }
        "removeprefix" | "removesuffix" => {
            let [part] = arguments.bind(name, ["part"], 1)?;
            let part = text(part.as_ref())?;
            let rest =
                if name == "removeprefix" { value.strip_prefix(part) } else { value.strip_suffix(part) };
            return Ok(Value::text(rest.unwrap_or(value)));
        }
        "join" => {
            let [values] = arguments.bind(name, ["iterable"], 1)?;
            let values = values.unwrap_or(Value::None).iterate(fuel)?;
            let mut joined = String::new();
            for (index, item) in values.iter().enumerate() {
                let Some(item) = item.as_str() else {
                    return fail(format!(
                        "sequence item {index}: expected str instance, {} found",
                        item.kind()
                    ));
                };
                let separator = if index > 0 { value } else { "" };
                fuel.bytes(separator.len() + item.len())?;
                joined += separator;
                joined += item;
            }
            return Ok(Value::text(joined));
        }
        "center" | "ljust" | "rjust" => {
            let [width, fill] = arguments.bind(name, ["width", "fillchar"], 1)?;
            let fill = match fill {
                None => ' ',
                Some(fill) => {
                    let mut characters = text(Some(&fill))?.chars();
                    match (characters.next(), characters.next()) {
                        (Some(fill), None) => fill,
                        _ => return fail("The fill character must be exactly one character long"),
                    }
                }
            };
            let width = int(width.as_ref())?.unwrap_or(0);
            return pad(value, width, fill, name, fuel).map(Value::text);
        }
        "zfill" => {
            let [width] = arguments.bind(name, ["width"], 1)?;
            let width = int(width.as_ref())?.unwrap_or(0);
            let sign = usize::from(value.starts_with(['+', '-']));
            let padded = pad(&value[sign..], width.saturating_sub(sign as i64), '0', "rjust", fuel)?;
            return Ok(Value::text(value[..sign].to_string() + &padded));
        }
        "expandtabs" => {
            let [size] = arguments.bind(name, ["tabsize"], 0)?;
            return expand_tabs(value, int(size.as_ref())?.unwrap_or(8), fuel).map(Value::text);
        }
        _ => {}
    }
    arguments.bind(name, [], 0)?;
    Ok(match name {
        "upper" => Value::text(value.to_uppercase()),
        "lower" => Value::text(value.to_lowercase()),
        "casefold" => Value::text(value.to_lowercase().replace('ß', "ss")),
        "capitalize" => Value::text(capitalize(value)),
        "title" => Value::text(title(value)),
        "swapcase" => Value::text(value.chars().map(swap_case).collect::<String>()),
        _ => match is(value, name) {
            Some(answer) => Value::Bool(answer),
            None => return fail(format!("the method '{name}' of strings is not supported in templates")),
        },
    })
}

/// `find` and its like, which take a start and a stop.
fn search(value: &str, name: &str, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let [wanted, start, stop] = arguments.bind(name, ["sub", "start", "end"], 1)?;
    let (start, stop) = (optional_int(start.as_ref())?, optional_int(stop.as_ref())?);
    let whole = start.is_none() && stop.is_none();
    let length = value.chars().count();
    let (first, count) = if whole {
        (0, length)
    } else {
        let places = Places::new([start, stop, None], length)?;
        (places.start as usize, places.count)
    };
    let byte = |index: usize| value.char_indices().nth(index).map_or(value.len(), |(at, _)| at);
    let part = if whole { value } else { &value[byte(first)..byte(first + count)] };
    let beyond = start.is_some_and(|start| start > length as i64);
    if name == "startswith" || name == "endswith" {
        let wanted = wanted.unwrap_or(Value::None);
        let options = match &wanted {
            Value::Sequence(_) if wanted.kind() == "tuple" => wanted.iterate(fuel)?,
            _ => vec![wanted],
        };
        for option in &options {
            let Some(option) = option.as_str() else {
                let kind = option.kind();
                return fail(format!("{name} first arg must be str or a tuple of str, not {kind}"));
            };
            fuel.read(option.len().min(part.len()))?;
            let found = if name == "startswith" { part.starts_with(option) } else { part.ends_with(option) };
            if found && !beyond {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let wanted = text(wanted.as_ref())?;
    fuel.bytes(part.len())?;
    if name == "count" {
        let count = if wanted.is_empty() { part.chars().count() + 1 } else { part.matches(wanted).count() };
        return Ok(Value::Int(if beyond { 0 } else { count as i64 }));
    }
    let found = if name.starts_with('r') { part.rfind(wanted) } else { part.find(wanted) };
    match found.filter(|_| !beyond) {
        Some(at) => Ok(Value::Int((first + part[..at].chars().count()) as i64)),
        None if name.ends_with("index") => fail("substring not found"),
        None => Ok(Value::Int(-1)),
    }
}

/// `split` and `rsplit`.
pub fn split<'t>(
    value: &'t str,
    separator: Option<&Value>,
    limit: usize,
    from_right: bool,
    fuel: &Fuel,
) -> Result<Vec<&'t str>> {
    let Some(separator) = separator else {
        fuel.values(value.len() / 2)?;
        return Ok(split_at_spaces(value, limit, from_right));
    };
    let separator = text(Some(separator))?;
    if separator.is_empty() {
        return fail("empty separator");
    }
    fuel.values(value.matches(separator).take(limit).count())?;
    if !from_right {
        return Ok(value.splitn(limit.saturating_add(1), separator).collect());
    }
    let mut parts: Vec<&str> = value.rsplitn(limit.saturating_add(1), separator).collect();
    parts.reverse();
    Ok(parts)
}

fn split_at_spaces(value: &str, limit: usize, from_right: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = value;
    loop {
        rest = if from_right { rest.trim_end_matches(is_space) } else { rest.trim_start_matches(is_space) };
        if rest.is_empty() {
            break;
        }
        if parts.len() == limit {
            parts.push(rest);
            break;
        }
        if from_right {
            let at =
                rest.char_indices().rev().find(|(_, c)| is_space(*c)).map_or(0, |(at, c)| at + c.len_utf8());
            parts.push(&rest[at..]);
            rest = &rest[..at];
        } else {
            let at = rest.find(is_space).unwrap_or(rest.len());
            parts.push(&rest[..at]);
            rest = &rest[at..];
        }
    }
    if from_right {
        parts.reverse();
    }
    parts
}

/// `splitlines`, at everything that Python takes for the end of a line.
pub fn lines<'t>(value: &'t str, keep_ends: bool, fuel: &Fuel) -> Result<Vec<&'t str>> {
    let ends = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    fuel.values(value.matches(ends).count())?;
    let mut lines = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let at = rest.find(ends).unwrap_or(rest.len());
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(0, char::len_utf8)
        };
        lines.push(&rest[..if keep_ends { at + end } else { at }]);
        rest = &rest[at + end..];
    }
    Ok(lines)
}

/// `strip`, `lstrip` and `rstrip`.
pub fn strip<'t>(value: &'t str, name: &str, characters: Option<&Value>, fuel: &Fuel) -> Result<&'t str> {
    let characters = match characters {
        None | Some(Value::None) => None,
        characters => {
            let characters = text(characters)?;
            fuel.product(characters.len(), size_of::<char>())?;
            Some(characters.chars().collect::<BTreeSet<char>>())
        }
    };
    let strips = |c: char| characters.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c));
    let value = if name == "rstrip" { value } else { value.trim_start_matches(strips) };
    Ok(if name == "lstrip" { value } else { value.trim_end_matches(strips) })
}

/// `replace`, for all where `count` is negative or not given.
pub fn replace(value: &str, old: &str, new: &str, count: Option<i64>, fuel: &Fuel) -> Result<String> {
    let limit = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let found = if old.is_empty() { value.chars().count() + 1 } else { value.matches(old).count() };
    fuel.product(found.min(limit), new.len())?;
    Ok(value.replacen(old, new, limit))
}

/// `value` in `width` characters: `ljust`, `rjust` or `center`.
pub fn pad(value: &str, width: i64, fill: char, name: &str, fuel: &Fuel) -> Result<String> {
    let length = value.chars().count();
    let missing = count(width).saturating_sub(length);
    fuel.product(missing, fill.len_utf8())?;
    let before = match name {
        "ljust" => 0,
        "rjust" => missing,
        // Python puts the odd one to the left where the width is odd.
        _ => missing / 2 + (missing & width.max(0) as usize & 1),
    };
    let fill = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(fill(before) + value + &fill(missing - before))
}

fn expand_tabs(value: &str, size: i64, fuel: &Fuel) -> Result<String> {
    let size = count(size);
    fuel.product(value.matches('\t').count(), size)?;
    let mut expanded = String::new();
    let mut column = 0;
    for character in value.chars() {
        match character {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                expanded.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\t' => {}
            _ => {
                expanded.push(character);
                column = if matches!(character, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(expanded)
}

/// The value as filters that ignore case compare it.
pub fn ignore_case(value: Value, fuel: &Fuel) -> Result<Value> {
    Ok(match value {
        Value::Str(text) => {
            fuel.bytes(text.len())?;
            Value::text(text.to_lowercase())
        }
        value => value,
    })
}
