//! What bounds an untrusted template: every step and every byte that it makes costs fuel.

use super::{Result, fail};
use std::cell::Cell;

/// Bytes that cost as much as one step.
const BYTES_A_STEP: usize = 64;

/// The steps that a rendering may still take.
#[derive(Debug)]
pub(in super::super) struct Fuel(Cell<u64>);

impl Fuel {
    pub(in super::super) fn new(steps: u64) -> Self {
        Self(Cell::new(steps))
    }

    pub(super) fn steps(&self, steps: usize) -> Result<()> {
        match self.0.get().checked_sub(steps as u64) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => fail("the template ran out of fuel: it does more work than any honest template"),
        }
    }

    /// Before `bytes` bytes are made.
    pub(super) fn bytes(&self, bytes: usize) -> Result<()> {
        self.steps(1 + bytes / BYTES_A_STEP)
    }

    /// Before `count` pieces of `bytes` bytes each are made.
    pub(super) fn product(&self, count: usize, bytes: usize) -> Result<()> {
        self.bytes(count.saturating_mul(bytes))
    }

    /// Before a list of `count` values is made.
    pub(super) fn values(&self, count: usize) -> Result<()> {
        self.product(count, size_of::<super::Value>())
    }
}
