//! The KV cache: fixed capacity, rolled back by length.

use crate::model::Config;

/// Keys and values of one sequence, f32.
#[derive(Debug)]
pub struct Cache {
    capacity: usize,
}

impl Cache {
    /// Room for `capacity` positions.
    pub fn new(_config: &Config, capacity: usize) -> Self {
        Self { capacity }
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}
