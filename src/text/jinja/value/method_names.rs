//! The methods that values have.

use super::{Kind, Object, Value};

const OF_STRINGS: [&str; 44] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

const OF_LISTS: [&str; 3] = ["copy", "count", "index"];
const OF_DICTS: [&str; 5] = ["copy", "get", "items", "keys", "values"];

/// The methods that `value` has and a template may call.
pub fn names(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Str(_) => &OF_STRINGS,
        Value::Dict(_) => &OF_DICTS,
        Value::Sequence(sequence) => match sequence.kind {
            Kind::List => &OF_LISTS,
            Kind::Tuple | Kind::Group | Kind::Range { .. } => &OF_LISTS[1..],
            _ => &[],
        },
        Value::Float(_) => &["is_integer"],
        Value::Object(object) => match &**object {
            Object::Loop(_) => &["changed", "cycle"],
            Object::Cycler { .. } => &["next", "reset"],
            _ => &[],
        },
        _ => &[],
    }
}

/// Whether the method changes `value`, which the sandbox forbids.
pub fn changes(value: &Value, name: &str) -> bool {
    match value {
        Value::Dict(_) => ["clear", "pop", "popitem", "setdefault", "update"].contains(&name),
        Value::Sequence(sequence) if sequence.kind == Kind::List => {
            ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"].contains(&name)
        }
        _ => false,
    }
}
