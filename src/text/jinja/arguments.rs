//! Arguments of a call, bound to the names of what is called.

use super::value::Value;
use super::value::equality::set_pair;
use super::{Fuel, Result, fail};
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Value>,
    pub(super) named: Vec<(Arc<str>, Value)>,
}

impl Arguments {
    /// One value for each of `names`, of which the first `required` must be given.
    pub(super) fn bind<const N: usize>(
        self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> Result<[Option<Value>; N]> {
        if self.positional.len() > N {
            return fail(format!("{function} takes at most {N} arguments, not {}", self.positional.len()));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(index) = names.iter().position(|known| **known == *name) else {
                return fail(format!("{function} takes no argument named '{name}'"));
            };
            if bound[index].replace(value).is_some() {
                return fail(format!("{function} was given '{name}' twice"));
            }
        }
        match bound.iter().take(required).position(Option::is_none) {
            Some(missing) => fail(format!("{function} needs the argument '{}'", names[missing])),
            None => Ok(bound),
        }
    }

    /// The pairs that `dict(...)` and `namespace(...)` are made of.
    pub(super) fn into_pairs(self, function: &str, fuel: &Fuel) -> Result<Vec<(Value, Value)>> {
        let mut pairs = Vec::new();
        let Self { positional, named } = self;
        if positional.len() > 1 {
            return fail(format!("{function} expected at most 1 argument, got {}", positional.len()));
        }
        match positional.first() {
            Some(Value::Dict(dict)) => {
                fuel.values(2 * dict.pairs.len())?;
                pairs.extend(dict.pairs.iter().cloned());
            }
            Some(other) => {
                for item in other.iterate(fuel)? {
                    let [key, value] = <[Value; 2]>::try_from(item.iterate(fuel)?).or_else(|items| {
                        fail(format!("a pair of a dict has 2 elements, not {}", items.len()))
                    })?;
                    set_pair(&mut pairs, key, value, fuel)?;
                }
            }
            None => {}
        }
        for (name, value) in named {
            set_pair(&mut pairs, Value::Str(name), value, fuel)?;
        }
        Ok(pairs)
    }
}

/// Where the argument named `name` is.
pub(super) fn place(named: &[(Arc<str>, Value)], name: &str, fuel: &Fuel) -> Result<Option<usize>> {
    fuel.steps(named.len() / 8)?;
    for (index, (known, _)) in named.iter().enumerate() {
        if known.len() == name.len() {
            fuel.read(name.len())?;
            if **known == *name {
                return Ok(Some(index));
            }
        }
    }
    Ok(None)
}

/// How many `number` means: none where it is negative.
pub(super) fn count(number: i64) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

/// An integer, where one is given.
pub(super) fn int(value: Option<&Value>) -> Result<Option<i64>> {
    match value {
        None => Ok(None),
        Some(value) => match value.defined()?.as_int() {
            Some(int) => Ok(Some(int)),
            None => fail(format!("'{}' object cannot be interpreted as an integer", value.kind())),
        },
    }
}

/// An integer or `None`, where one is given.
pub(super) fn optional_int(value: Option<&Value>) -> Result<Option<i64>> {
    int(value.filter(|value| !matches!(value, Value::None)))
}

/// A string, which must be one.
pub(super) fn text(value: Option<&Value>) -> Result<&str> {
    let value = value.unwrap_or(&Value::None).defined()?;
    match value.as_str() {
        Some(text) => Ok(text),
        None => fail(format!("expected a string, not {}", value.kind())),
    }
}

/// Whether a flag is set.
pub(super) fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}
