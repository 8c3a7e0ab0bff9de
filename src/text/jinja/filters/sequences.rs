//! Filters of lists and dicts.

use super::super::arguments::{Arguments, count, flag, int};
use super::super::strings::methods::ignore_case;
use super::super::syntax::ast::Operator;
use super::super::value::{Kind, Value, equality, order, repr};
use super::super::{Fuel, Result, fail, operators, subscript};
use super::selection::path_or;

pub(super) fn call(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    match name {
        "length" | "count" => {
            arguments.bind(name, [], 0)?;
            Ok(Value::Int(value.len(fuel)? as i64))
        }
        "list" => {
            arguments.bind(name, [], 0)?;
            Value::list(value.iterate(fuel)?, fuel)
        }
        "first" => {
            arguments.bind(name, [], 0)?;
            if let Value::Iterator(iterator) = value {
                return Ok(iterator.next()?.unwrap_or_else(|| nothing("first")));
            }
            Ok(value.iterate(fuel)?.into_iter().next().unwrap_or_else(|| nothing("first")))
        }
        "last" => {
            arguments.bind(name, [], 0)?;
            match value {
                Value::Iterator(_) => fail("'generator' object is not reversible"),
                _ => Ok(value.iterate(fuel)?.pop().unwrap_or_else(|| nothing("last"))),
            }
        }
        "reverse" => {
            arguments.bind(name, [], 0)?;
            if let Value::Str(text) = value {
                fuel.bytes(text.len())?;
                return Ok(Value::text(text.chars().rev().collect::<String>()));
            }
            let is_generator = matches!(value, Value::Iterator(_));
            let items = value.iterate(fuel)?.into_iter().rev().collect();
            if is_generator { Value::list(items, fuel) } else { Value::iterator(Ok(items), fuel) }
        }
        "items" => {
            arguments.bind(name, [], 0)?;
            let items = match value {
                Value::Undefined(_) => Ok(Vec::new()),
                Value::Dict(_) => pairs(value, fuel),
                _ => fail("Can only get item pairs from a mapping."),
            };
            Value::iterator(items, fuel)
        }
        "join" => {
            let [separator, attribute] = arguments.bind(name, ["d", "attribute"], 0)?;
            let separator = separator.map_or(Ok("".into()), |separator| repr::text(&separator, fuel))?;
            let attribute = attribute.unwrap_or(Value::None);
            let mut joined = String::new();
            for (index, item) in value.iterate(fuel)?.iter().enumerate() {
                let item = repr::text(&subscript::path(item, &attribute, fuel)?, fuel)?;
                fuel.bytes(separator.len() + item.len())?;
                if index > 0 {
                    joined += &separator;
                }
                joined += &item;
            }
            Ok(Value::text(joined))
        }
        "sum" => {
            let [attribute, start] = arguments.bind(name, ["attribute", "start"], 0)?;
            let attribute = attribute.unwrap_or(Value::None);
            let start = start.unwrap_or(Value::Int(0));
            if start.as_str().is_some() {
                return fail("sum() can't sum strings [use ''.join(seq) instead]");
            }
            value.iterate(fuel)?.iter().try_fold(start, |sum, item| {
                operators::apply(&sum, Operator::Add, &subscript::path(item, &attribute, fuel)?, fuel)
            })
        }
        "min" | "max" => extreme(name, value, arguments, fuel),
        "sort" => sort(value, arguments, fuel),
        "dictsort" => dict_sort(value, arguments, fuel),
        "groupby" => group(value, arguments, fuel),
        "unique" => {
            let [case, attribute] = arguments.bind(name, ["case_sensitive", "attribute"], 0)?;
            let key = Key::new(attribute, None, case.as_ref());
            Value::iterator(unique(value, &key, fuel), fuel)
        }
        "batch" => {
            let [size, fill] = arguments.bind(name, ["linecount", "fill_with"], 1)?;
            Value::iterator(batches(value, int(size.as_ref())?, fill, fuel), fuel)
        }
        _ => {
            let [slices, fill] = arguments.bind("slice", ["slices", "fill_with"], 1)?;
            Value::iterator(columns(value, int(slices.as_ref())?, fill, fuel), fuel)
        }
    }
}

fn unique(value: &Value, key: &Key, fuel: &Fuel) -> Result<Vec<Value>> {
    let mut seen: Vec<Value> = Vec::new();
    let mut kept = Vec::new();
    for item in value.iterate(fuel)? {
        let found = key.of(&item, fuel)?;
        found.check_hashable(fuel)?;
        let is_seen =
            seen.iter().try_fold(false, |same, one| Ok(same || equality::equal(one, &found, fuel)?));
        if !is_seen? {
            seen.push(found);
            kept.push(item);
        }
    }
    Ok(kept)
}

/// Lists of `size` values; `fill` completes the last.
fn batches(value: &Value, size: Option<i64>, fill: Option<Value>, fuel: &Fuel) -> Result<Vec<Value>> {
    let size = count(size.unwrap_or(0));
    let fill = fill.filter(|fill| !matches!(fill, Value::None));
    let items = value.iterate(fuel)?;
    if size == 0 && !items.is_empty() {
        return fail("batch takes a number above 0");
    }
    let lists = items.chunks(size.max(1)).map(|batch| {
        let mut batch = batch.to_vec();
        if let Some(fill) = &fill {
            fuel.values(size)?;
            batch.resize(size, fill.clone());
        }
        Value::list(batch, fuel)
    });
    lists.collect()
}

/// As many lists as `slices`, as even as can be; `fill` evens out the shorter ones.
fn columns(value: &Value, slices: Option<i64>, fill: Option<Value>, fuel: &Fuel) -> Result<Vec<Value>> {
    let fill = fill.filter(|fill| !matches!(fill, Value::None));
    let items = value.iterate(fuel)?;
    let slices = count(slices.unwrap_or(0));
    if slices == 0 {
        return fail("slice takes a number above 0");
    }
    fuel.values(slices)?;
    let (each, more) = (items.len() / slices, items.len() % slices);
    let mut rest = &items[..];
    let lists = (0..slices).map(|index| {
        let (column, after) = rest.split_at(each + usize::from(index < more));
        rest = after;
        let fill = fill.iter().filter(|_| index >= more);
        Value::list(column.iter().chain(fill).cloned().collect(), fuel)
    });
    lists.collect()
}

fn nothing(which: &str) -> Value {
    Value::undefined(format!("No {which} item, sequence was empty."))
}

/// The pairs of a dict, as tuples.
fn pairs(value: &Value, fuel: &Fuel) -> Result<Vec<Value>> {
    let Value::Dict(dict) = value else {
        value.defined()?;
        return fail(format!("'{}' object has no attribute 'items'", value.kind()));
    };
    dict.pairs.iter().map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()], fuel)).collect()
}

/// What things are compared by.
struct Key {
    attribute: Value,
    default: Option<Value>,
    /// Whether upper and lower case differ.
    case: bool,
}

impl Key {
    fn new(attribute: Option<Value>, default: Option<Value>, case_sensitive: Option<&Value>) -> Self {
        let default = default.filter(|default| !matches!(default, Value::None));
        Self { attribute: attribute.unwrap_or(Value::None), default, case: flag(case_sensitive) }
    }

    fn of(&self, item: &Value, fuel: &Fuel) -> Result<Value> {
        let found = path_or(item, &self.attribute, self.default.as_ref(), fuel)?;
        if self.case { Ok(found) } else { ignore_case(found, fuel) }
    }
}

fn extreme(name: &str, value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let [case, attribute] = arguments.bind(name, ["case_sensitive", "attribute"], 0)?;
    let key = Key::new(attribute, None, case.as_ref());
    let mut best: Option<(Value, Value)> = None;
    for item in value.iterate(fuel)? {
        let found = key.of(&item, fuel)?;
        let better = match &best {
            None => true,
            Some((known, _)) if name == "min" => order::less(&found, known, fuel)?,
            Some((known, _)) => order::less(known, &found, fuel)?,
        };
        if better {
            best = Some((found, item));
        }
    }
    let empty = || Value::undefined("No aggregated item, sequence was empty.");
    Ok(best.map_or_else(empty, |(_, item)| item))
}

fn sort(value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let [reverse, case, attribute] = arguments.bind("sort", ["reverse", "case_sensitive", "attribute"], 0)?;
    let attributes: Vec<Value> = match attribute {
        Some(Value::Str(names)) => {
            fuel.values(names.matches(',').count())?;
            names.split(',').map(Value::text).collect()
        }
        other => vec![other.unwrap_or(Value::None)],
    };
    let case = flag(case.as_ref());
    let keys = attributes.into_iter().map(|attribute| Key { attribute, default: None, case });
    let keys: Vec<Key> = keys.collect();
    let keyed = value.iterate(fuel)?.into_iter().map(|item| {
        let found = keys.iter().map(|key| key.of(&item, fuel)).collect::<Result<_>>()?;
        Ok((Value::list(found, fuel)?, item))
    });
    let sorted = order::sort(keyed.collect::<Result<_>>()?, flag(reverse.as_ref()), fuel)?;
    Value::list(sorted, fuel)
}

fn dict_sort(value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let [case, by, reverse] = arguments.bind("dictsort", ["case_sensitive", "by", "reverse"], 0)?;
    let by = match by.as_ref().map_or(Some("key"), Value::as_str) {
        Some("key") => 0,
        Some("value") => 1,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let key = Key { attribute: Value::Int(by), default: None, case: flag(case.as_ref()) };
    let keyed = pairs(value, fuel)?.into_iter().map(|pair| Ok((key.of(&pair, fuel)?, pair)));
    let sorted = order::sort(keyed.collect::<Result<_>>()?, flag(reverse.as_ref()), fuel)?;
    Value::list(sorted, fuel)
}

fn group(value: &Value, arguments: Arguments, fuel: &Fuel) -> Result<Value> {
    let [attribute, default, case] =
        arguments.bind("groupby", ["attribute", "default", "case_sensitive"], 1)?;
    let mut key = Key::new(attribute, default, case.as_ref());
    let keyed = value.iterate(fuel)?.into_iter().map(|item| Ok((key.of(&item, fuel)?, item)));
    let sorted = order::sort(keyed.collect::<Result<_>>()?, false, fuel)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in sorted {
        let found = key.of(&item, fuel)?;
        match groups.last_mut() {
            Some((last, items)) if equality::equal(last, &found, fuel)? => items.push(item),
            _ => groups.push((found, vec![item])),
        }
    }
    // The group's name is the first item's, in its own case.
    key.case = true;
    let tuples = groups.into_iter().map(|(_, items)| {
        let name = key.of(&items[0], fuel)?;
        Value::sequence(Kind::Group, vec![name, Value::list(items, fuel)?], fuel)
    });
    Value::list(tuples.collect::<Result<_>>()?, fuel)
}
