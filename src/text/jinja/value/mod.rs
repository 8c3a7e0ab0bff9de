//! The values of Python that a template handles. They cannot change (the sandbox is the immutable one), apart
//! from namespaces and the helpers that count.

pub mod equality;
mod looping;
pub mod method_names;
pub mod order;
pub mod repr;
mod scope;

pub use looping::Loop;
pub use scope::Scope;

use super::syntax::ast::{For, Macro};
use super::{Error, Fuel, Result, fail};
use equality::set_pair;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// Nesting of lists and dicts in one another.
const DEPTH: usize = 100;

#[derive(Debug, Clone)]
pub enum Value {
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
pub enum Kind {
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
pub struct Sequence {
    pub kind: Kind,
    pub items: Vec<Value>,
    depth: usize,
}

/// In the order of insertion.
#[derive(Debug, Default)]
pub struct Dict {
    pub pairs: Vec<(Value, Value)>,
    depth: usize,
}

#[derive(Debug)]
pub struct Iterator {
    left: RefCell<VecDeque<Value>>,
    /// What the generator fails on, once it is asked.
    failure: Option<Error>,
    depth: usize,
}

impl Iterator {
    pub fn next(&self) -> Result<Option<Value>> {
        match &self.failure {
            Some(error) => Err(error.clone()),
            None => Ok(self.left.borrow_mut().pop_front()),
        }
    }
}

#[derive(Debug)]
pub enum Object {
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
pub struct Recursion {
    pub statement: Arc<For>,
    pub scope: Rc<Scope>,
}

impl Fuel {
    /// Before a list of `count` values is made.
    pub fn values(&self, count: usize) -> Result<()> {
        self.product(count, size_of::<Value>())
    }
}

/// The depth of what holds values of these depths.
pub fn nested(values: impl std::iter::Iterator<Item = usize>) -> Result<usize> {
    let depth = 1 + values.max().unwrap_or(0);
    if depth > DEPTH { fail("lists and dicts are nested too deeply") } else { Ok(depth) }
}

impl Dict {
    /// A later pair with an equal key replaces an earlier one's value.
    pub fn new(pairs: Vec<(Value, Value)>, fuel: &Fuel) -> Result<Self> {
        let mut unique: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            set_pair(&mut unique, key, value, fuel)?;
        }
        let depth = nested(unique.iter().flat_map(|(k, v)| [k.depth(), v.depth()]))?;
        Ok(Self { pairs: unique, depth })
    }
}

impl Value {
    pub fn undefined(why: impl Into<Arc<str>>) -> Self {
        Self::Undefined(why.into())
    }

    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    pub fn sequence(kind: Kind, items: Vec<Value>, fuel: &Fuel) -> Result<Self> {
        fuel.values(items.len())?;
        let depth = nested(items.iter().map(Value::depth))?;
        Ok(Self::Sequence(Rc::new(Sequence { kind, items, depth })))
    }

    pub fn list(items: Vec<Value>, fuel: &Fuel) -> Result<Self> {
        Self::sequence(Kind::List, items, fuel)
    }

    pub fn tuple(items: Vec<Value>, fuel: &Fuel) -> Result<Self> {
        Self::sequence(Kind::Tuple, items, fuel)
    }

    pub fn dict(pairs: Vec<(Value, Value)>, fuel: &Fuel) -> Result<Self> {
        Dict::new(pairs, fuel).map(|dict| Self::Dict(Rc::new(dict)))
    }

    /// What a generator of Python would yield; it fails when it is asked, not when it is made.
    pub fn iterator(items: Result<Vec<Value>>, fuel: &Fuel) -> Result<Self> {
        let (items, failure) = match items {
            Ok(items) => (items, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        fuel.values(items.len())?;
        let depth = nested(items.iter().map(Value::depth))?;
        Ok(Self::Iterator(Rc::new(Iterator { left: RefCell::new(items.into()), failure, depth })))
    }

    pub fn object(object: Object) -> Self {
        Self::Object(Rc::new(object))
    }

    pub fn method(of: &Self, name: &Arc<str>) -> Result<Self> {
        nested([of.depth()].into_iter())?;
        Ok(Self::object(Object::Method(of.clone(), name.clone())))
    }

    /// How many values are nested in one another here, which is bounded for all that are made: freeing them
    /// takes that much stack. What a namespace, the scope of a macro or of a recursive loop, and
    /// `loop.changed` hold is not counted: the interpreter keeps those to the end, and takes them apart itself.
    pub fn depth(&self) -> usize {
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
    pub fn kind(&self) -> &'static str {
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

    pub fn is_true(&self) -> bool {
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

    pub fn len(&self, fuel: &Fuel) -> Result<usize> {
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
    pub fn iterate(&self, fuel: &Fuel) -> Result<Vec<Value>> {
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

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A bool is a number too, in Python.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some((*value).into()),
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => self.as_int().map(|value| value as f64),
        }
    }

    /// Fails with the reason why the value is undefined, if it is.
    pub fn defined(&self) -> Result<&Self> {
        match self {
            Self::Undefined(why) => fail(&**why),
            _ => Ok(self),
        }
    }
}
