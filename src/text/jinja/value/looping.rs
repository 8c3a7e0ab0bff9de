//! The variable `loop`.

use super::equality::equal_items;
use super::{Recursion, Value};
use crate::text::jinja::{Fuel, Result, fail};
use std::cell::{Cell, RefCell};

#[derive(Debug)]
pub struct Loop {
    items: Vec<Value>,
    depth_of_items: usize,
    index: Cell<usize>,
    /// How deep a recursive loop is in itself.
    pub level: usize,
    pub recursion: Option<Recursion>,
    /// What `loop.changed` saw last; the loop itself may be among it.
    changed: RefCell<Option<Vec<Value>>>,
}

impl Loop {
    pub fn new(items: Vec<Value>, level: usize, recursion: Option<Recursion>) -> Self {
        let depth_of_items = items.iter().map(Value::depth).max().unwrap_or(0);
        let (index, changed) = (Cell::new(0), RefCell::new(None));
        Self { items, depth_of_items, index, level, recursion, changed }
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn depth(&self) -> usize {
        self.depth_of_items
    }

    /// Whether `loop.changed` was called.
    pub fn remembers(&self) -> bool {
        self.changed.borrow().is_some()
    }

    pub fn forget(&self) {
        self.changed.take();
    }

    pub fn at(&self, index: usize) -> Option<Value> {
        self.index.set(index);
        self.items.get(index).cloned()
    }

    pub fn attribute(&self, name: &str) -> Option<Value> {
        let (index, length) = (self.index.get(), self.items.len());
        let int = |value: usize| Value::Int(value as i64);
        Some(match name {
            "index" => int(index + 1),
            "index0" => int(index),
            "revindex" => int(length - index),
            "revindex0" => int(length - index - 1),
            "first" => Value::Bool(index == 0),
            "last" => Value::Bool(index + 1 == length),
            "length" => int(length),
            "depth" => int(self.level + 1),
            "depth0" => int(self.level),
            "previtem" => match index.checked_sub(1) {
                Some(before) => self.items[before].clone(),
                None => Value::undefined("there is no previous item"),
            },
            "nextitem" => match self.items.get(index + 1) {
                Some(next) => next.clone(),
                None => Value::undefined("there is no next item"),
            },
            _ => return None,
        })
    }

    /// Whether `values` are others than the last time.
    pub fn changed(&self, values: Vec<Value>, fuel: &Fuel) -> Result<bool> {
        let mut before = self.changed.borrow_mut();
        let same = match &*before {
            Some(before) => equal_items(before, &values, fuel)?,
            None => false,
        };
        *before = Some(values);
        Ok(!same)
    }

    pub fn cycle(&self, values: &[Value]) -> Result<Value> {
        match values.len() {
            0 => fail("no items for cycling given"),
            count => Ok(values[self.index.get() % count].clone()),
        }
    }
}
