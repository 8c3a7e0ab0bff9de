//! `map`, `select`, `reject` and their like: generators in Jinja2, so that their result is looped over once.

use super::super::arguments::Arguments;
use super::super::value::Value;
use super::super::{Fuel, Result, fail, subscript, tests_of};

pub(super) fn call(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    if !value.is_true() {
        return Value::iterator(Ok(Vec::new()), fuel);
    }
    let kept = value.iterate(fuel).and_then(|items| match name {
        "map" => map(items, arguments, fuel),
        _ => select(name, items, arguments, fuel),
    });
    Value::iterator(kept, fuel)
}

fn map(items: Vec<Value>, mut arguments: Arguments, fuel: &Fuel) -> Result<Vec<Value>> {
    if arguments.positional.is_empty() && arguments.named.iter().any(|(name, _)| &**name == "attribute") {
        let [attribute, default] = arguments.bind("map", ["attribute", "default"], 0)?;
        let attribute = attribute.unwrap_or(Value::None);
        let default = default.filter(|default| !matches!(default, Value::None));
        let get = |item: Value| path_or(&item, &attribute, default.as_ref(), fuel);
        return items.into_iter().map(get).collect();
    }
    if arguments.positional.is_empty() {
        return fail("map requires a filter argument");
    }
    let filter = arguments.positional.remove(0);
    let Some(filter) = filter.as_str() else { return fail("map takes the name of a filter") };
    let apply = |item: Value| fuel.deeper(|| super::call(filter, &item, copy(&arguments, fuel)?, fuel));
    items.into_iter().map(apply).collect()
}

fn copy(arguments: &Arguments, fuel: &Fuel) -> Result<Arguments> {
    fuel.values(arguments.positional.len() + 2 * arguments.named.len())?;
    Ok(arguments.clone())
}

/// What `path` leads to, `default` standing in for what is undefined on the way.
pub(super) fn path_or(item: &Value, path: &Value, default: Option<&Value>, fuel: &Fuel) -> Result<Value> {
    let (Some(default), Value::Str(text)) = (default, path) else {
        let found = subscript::path(item, path, fuel)?;
        return Ok(match (found, default) {
            (Value::Undefined(_), Some(default)) => default.clone(),
            (found, _) => found,
        });
    };
    fuel.read(text.len())?;
    let mut found = item.clone();
    for part in text.split('.') {
        found = match subscript::path(&found, &Value::text(part), fuel)? {
            Value::Undefined(_) => default.clone(),
            found => found,
        };
    }
    Ok(found)
}

fn select(name: &str, items: Vec<Value>, mut arguments: Arguments, fuel: &Fuel) -> Result<Vec<Value>> {
    let attribute = match name {
        "selectattr" | "rejectattr" if arguments.positional.is_empty() => {
            return fail("Missing parameter for attribute name");
        }
        "selectattr" | "rejectattr" => Some(arguments.positional.remove(0)),
        _ => None,
    };
    let test = (!arguments.positional.is_empty()).then(|| arguments.positional.remove(0));
    let wanted = name.starts_with("select");
    let mut kept = Vec::new();
    for item in items {
        let looked_at = match &attribute {
            Some(attribute) => subscript::path(&item, attribute, fuel)?,
            None => item.clone(),
        };
        let passes = match &test {
            None => looked_at.is_true(),
            Some(Value::Str(test)) => tests_of::call(test, &looked_at, copy(&arguments, fuel)?, fuel)?,
            Some(_) => return fail(format!("{name} takes the name of a test")),
        };
        if passes == wanted {
            kept.push(item);
        }
    }
    Ok(kept)
}
