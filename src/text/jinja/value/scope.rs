//! Where variables live.

use super::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Scope {
    pub names: RefCell<BTreeMap<Arc<str>, Value>>,
    parent: Option<Rc<Scope>>,
}

impl Scope {
    pub fn inside(parent: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self { names: RefCell::default(), parent: Some(parent.clone()) })
    }

    pub fn set(&self, name: &Arc<str>, value: Value) {
        self.names.borrow_mut().insert(name.clone(), value);
    }

    /// The value of `name` here or around, and how many scopes were looked at.
    pub fn get(&self, name: &str) -> (Option<Value>, usize) {
        let mut scope = self;
        let mut looked = 1;
        loop {
            if let Some(value) = scope.names.borrow().get(name) {
                return (Some(value.clone()), looked);
            }
            match &scope.parent {
                Some(parent) => scope = parent,
                None => return (None, looked),
            }
            looked += 1;
        }
    }
}
