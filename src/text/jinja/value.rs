//! The values of Python that a template handles. They cannot change (the sandbox is the immutable one), apart
//! from namespaces and the helpers that count.

use super::arguments::Arguments;
use super::ast::{For, Macro};
use super::fuel::Fuel;
use super::looping::Loop;
use super::scope::Scope;
use super::{Error, Result, compare, fail};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// Nesting of lists and dicts in one another.
const DEPTH: usize = 100;

#[derive(Debug, Clone)]
pub(in super::super) enum Value {
    /// With the words that an operation on it fails with.
    Undefined(Arc<str>),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Sequence(Rc<Sequence>),
    Dict(Rc<Dict>),
    /// What a generator has left.
    Iterator(Rc<Iterator>),
    Object(Rc<Object>),
}

/// What a sequence is in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    List,
    Tuple,
    /// A tuple of `groupby`, with `grouper` and `list`.
    Group,
    Range {
        start: i64,
        stop: i64,
        step: i64,
    },
    Keys,
    Values,
    Items,
}

#[derive(Debug)]
pub(in super::super) struct Sequence {
    pub(super) kind: Kind,
    pub(super) items: Vec<Value>,
    depth: usize,
}

/// In the order of insertion.
#[derive(Debug, Default)]
pub(in super::super) struct Dict {
    pub(super) pairs: Vec<(Value, Value)>,
    depth: usize,
}

#[derive(Debug)]
pub(in super::super) struct Iterator {
    left: RefCell<VecDeque<Value>>,
    /// What the generator fails on, once it is asked.
    failure: Option<Error>,
    depth: usize,
}

impl Iterator {
    pub(super) fn next(&self) -> Result<Option<Value>> {
        match &self.failure {
            Some(error) => Err(error.clone()),
            None => Ok(self.left.borrow_mut().pop_front()),
        }
    }
}

#[derive(Debug)]
pub(in super::super) enum Object {
    Namespace(RefCell<Vec<(Value, Value)>>),
    Function(&'static str),
    /// A method with the value that it belongs to: [`Value::method`].
    Method(Value, Arc<str>),
    Macro(Arc<Macro>, Rc<Scope>),
    Loop(Loop),
    Cycler {
        items: Vec<Value>,
        position: Cell<usize>,
        depth: usize,
    },
    Joiner {
        separator: Value,
        used: Cell<bool>,
        depth: usize,
    },
}

/// How a recursive loop renders itself again.
#[derive(Debug, Clone)]
pub(super) struct Recursion {
    pub(super) statement: Arc<For>,
    pub(super) scope: Rc<Scope>,
}

/// The depth of what holds values of these depths.
pub(super) fn nested(values: impl std::iter::Iterator<Item = usize>) -> Result<usize> {
    let depth = 1 + values.max().unwrap_or(0);
    if depth > DEPTH { fail("lists and dicts are nested too deeply") } else { Ok(depth) }
}

impl Dict {
    /// A later pair with an equal key replaces an earlier one's value.
    pub(super) fn new(pairs: Vec<(Value, Value)>, fuel: &Fuel) -> Result<Self> {
        let mut unique: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            set_pair(&mut unique, key, value, fuel)?;
        }
        let depth = nested(unique.iter().flat_map(|(k, v)| [k.depth(), v.depth()]))?;
        Ok(Self { pairs: unique, depth })
    }

    pub(super) fn get(&self, key: &Value, fuel: &Fuel) -> Result<Option<&Value>> {
        let position = position(&self.pairs, key, fuel)?;
        Ok(position.map(|index| &self.pairs[index].1))
    }
}

/// Where `key` is among `pairs`.
fn position(pairs: &[(Value, Value)], key: &Value, fuel: &Fuel) -> Result<Option<usize>> {
    key.check_hashable(fuel)?;
    if let Value::Str(wanted) = key {
        return place_of(pairs, wanted, fuel);
    }
    fuel.steps(pairs.len() / 8)?;
    for (index, (candidate, _)) in pairs.iter().enumerate() {
        if compare::equal(candidate, key, fuel)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Where the string `wanted` is among the keys of `pairs`.
pub(super) fn place_of(pairs: &[(Value, Value)], wanted: &str, fuel: &Fuel) -> Result<Option<usize>> {
    fuel.steps(pairs.len() / 8)?;
    for (index, (key, _)) in pairs.iter().enumerate() {
        if let Some(key) = key.as_str().filter(|key| key.len() == wanted.len()) {
            fuel.read(wanted.len())?;
            if key == wanted {
                return Ok(Some(index));
            }
        }
    }
    Ok(None)
}

/// Sets `key` to `value` where it stands, or adds it at the end.
pub(super) fn set_pair(pairs: &mut Vec<(Value, Value)>, key: Value, value: Value, fuel: &Fuel) -> Result<()> {
    match position(pairs, &key, fuel)? {
        Some(index) => pairs[index].1 = value,
        None => {
            fuel.values(2)?;
            pairs.push((key, value));
        }
    }
    Ok(())
}

impl Value {
    pub(super) fn undefined(why: impl Into<Arc<str>>) -> Self {
        Self::Undefined(why.into())
    }

    pub(in super::super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    pub(super) fn sequence(kind: Kind, items: Vec<Value>, fuel: &Fuel) -> Result<Self> {
        fuel.values(items.len())?;
        let depth = nested(items.iter().map(Value::depth))?;
        Ok(Self::Sequence(Rc::new(Sequence { kind, items, depth })))
    }

    pub(in super::super) fn list(items: Vec<Value>, fuel: &Fuel) -> Result<Self> {
        Self::sequence(Kind::List, items, fuel)
    }

    pub(super) fn tuple(items: Vec<Value>, fuel: &Fuel) -> Result<Self> {
        Self::sequence(Kind::Tuple, items, fuel)
    }

    pub(in super::super) fn dict(pairs: Vec<(Value, Value)>, fuel: &Fuel) -> Result<Self> {
        Dict::new(pairs, fuel).map(|dict| Self::Dict(Rc::new(dict)))
    }

    /// What a generator of Python would yield; it fails when it is asked, not when it is made.
    pub(super) fn iterator(items: Result<Vec<Value>>, fuel: &Fuel) -> Result<Self> {
        let (items, failure) = match items {
            Ok(items) => (items, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        fuel.values(items.len())?;
        let depth = nested(items.iter().map(Value::depth))?;
        Ok(Self::Iterator(Rc::new(Iterator { left: RefCell::new(items.into()), failure, depth })))
    }

    pub(super) fn object(object: Object) -> Self {
        Self::Object(Rc::new(object))
    }

    pub(super) fn method(of: &Self, name: &Arc<str>) -> Result<Self> {
        nested([of.depth()].into_iter())?;
        Ok(Self::object(Object::Method(of.clone(), name.clone())))
    }

    /// How many values are nested in one another here, which is bounded for all that are made: freeing them
    /// takes that much stack. What a namespace, the scope of a macro or of a recursive loop, and
    /// `loop.changed` hold is not counted: the interpreter keeps those to the end, and takes them apart itself.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Sequence(sequence) => sequence.depth,
            Self::Dict(dict) => dict.depth,
            Self::Iterator(iterator) => iterator.depth,
            Self::Object(object) => match &**object {
                Object::Method(of, _) => 1 + of.depth(),
                Object::Loop(state) => 1 + state.depth(),
                Object::Cycler { depth, .. } | Object::Joiner { depth, .. } => *depth,
                _ => 1,
            },
            _ => 0,
        }
    }

    /// The name of the type in Python.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Sequence(sequence) => match sequence.kind {
                Kind::List => "list",
                Kind::Tuple | Kind::Group => "tuple",
                Kind::Range { .. } => "range",
                Kind::Keys => "dict_keys",
                Kind::Values => "dict_values",
                Kind::Items => "dict_items",
            },
            Self::Dict(_) => "dict",
            Self::Iterator(_) => "generator",
            Self::Object(object) => match &**object {
                Object::Namespace(_) => "Namespace",
                Object::Function(_) => "function",
                Object::Method(..) => "builtin_function_or_method",
                Object::Macro(..) => "Macro",
                Object::Loop(_) => "LoopContext",
                Object::Cycler { .. } => "Cycler",
                Object::Joiner { .. } => "Joiner",
            },
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Sequence(sequence) => !sequence.items.is_empty(),
            Self::Dict(dict) => !dict.pairs.is_empty(),
            Self::Iterator(_) | Self::Object(_) => true,
        }
    }

    pub(super) fn len(&self, fuel: &Fuel) -> Result<usize> {
        match self {
            Self::Undefined(_) => Ok(0),
            Self::Str(text) => {
                fuel.bytes(text.len())?;
                Ok(text.chars().count())
            }
            Self::Sequence(sequence) => Ok(sequence.items.len()),
            Self::Dict(dict) => Ok(dict.pairs.len()),
            Self::Object(object) => match &**object {
                Object::Loop(state) => Ok(state.len()),
                _ => fail(format!("object of type '{}' has no len()", self.kind())),
            },
            _ => fail(format!("object of type '{}' has no len()", self.kind())),
        }
    }

    /// What a loop over the value sees; a generator has nothing left then.
    pub(super) fn iterate(&self, fuel: &Fuel) -> Result<Vec<Value>> {
        match self {
            Self::Undefined(_) => Ok(Vec::new()),
            Self::Str(text) => {
                fuel.values(text.len())?;
                let mut buffer = [0; 4];
                Ok(text.chars().map(|c| Self::text(&*c.encode_utf8(&mut buffer))).collect())
            }
            Self::Sequence(sequence) => {
                fuel.values(sequence.items.len())?;
                Ok(sequence.items.clone())
            }
            Self::Dict(dict) => {
                fuel.values(dict.pairs.len())?;
                Ok(dict.pairs.iter().map(|(key, _)| key.clone()).collect())
            }
            Self::Iterator(iterator) => match &iterator.failure {
                Some(error) => Err(error.clone()),
                None => Ok(iterator.left.take().into()),
            },
            _ => fail(format!("'{}' object is not iterable", self.kind())),
        }
    }

    /// Python's `hash(value)`, as far as it can fail.
    pub(super) fn check_hashable(&self, fuel: &Fuel) -> Result<()> {
        match self {
            Self::Dict(_) => fail("unhashable type: 'dict'"),
            Self::Sequence(sequence) => match sequence.kind {
                // The same tuple may be in it many times over.
                Kind::Tuple | Kind::Group => sequence.items.iter().try_for_each(|item| {
                    fuel.steps(1)?;
                    item.check_hashable(fuel)
                }),
                Kind::List => fail("unhashable type: 'list'"),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A bool is a number too, in Python.
    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some((*value).into()),
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Fails with the reason why the value is undefined, if it is.
    pub(super) fn defined(&self) -> Result<&Self> {
        match self {
            Self::Undefined(why) => fail(&**why),
            _ => Ok(self),
        }
    }
}

/// The pairs that `dict(...)` and `namespace(...)` are made of.
pub(super) fn pairs_of(arguments: Arguments, function: &str, fuel: &Fuel) -> Result<Vec<(Value, Value)>> {
    let mut pairs = Vec::new();
    let Arguments { positional, named } = arguments;
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
                let [key, value] = <[Value; 2]>::try_from(item.iterate(fuel)?)
                    .or_else(|items| fail(format!("a pair of a dict has 2 elements, not {}", items.len())))?;
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
