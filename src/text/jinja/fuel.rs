//! What bounds an untrusted template: every step and every byte that it makes costs fuel.

use super::{Result, fail};
use std::cell::Cell;

/// Bytes that cost as much as one step.
const BYTES_A_STEP: usize = 64;

/// How deep filters apply filters (`map('map', 'upper')`).
const DEPTH: usize = 16;

/// The steps that a rendering may still take.
#[derive(Debug)]
pub(in super::super) struct Fuel {
    left: Cell<u64>,
    /// How many filters apply one another right now.
    depth: Cell<usize>,
}

impl Fuel {
    pub(in super::super) fn new(steps: u64) -> Self {
        Self { left: Cell::new(steps), depth: Cell::new(0) }
    }

    pub(super) fn steps(&self, steps: usize) -> Result<()> {
        match self.left.get().checked_sub(steps as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => fail("the template ran out of fuel: it does more work than any honest template"),
        }
    }

    /// Before `bytes` bytes are looked at: a few of them come with the step that looks.
    pub(super) fn read(&self, bytes: usize) -> Result<()> {
        self.steps(bytes / BYTES_A_STEP)
    }

    /// Before `bytes` bytes are made.
    pub(super) fn bytes(&self, bytes: usize) -> Result<()> {
        self.steps(1 + bytes / BYTES_A_STEP)
    }

    /// Before `count` pieces of `bytes` bytes each are made.
    pub(super) fn product(&self, count: usize, bytes: usize) -> Result<()> {
        self.bytes(count.saturating_mul(bytes))
    }

    /// `run`, one filter deeper.
    pub(super) fn deeper<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let depth = self.depth.get();
        if depth == DEPTH {
            return fail("filters are applied by one another too deeply");
        }
        self.depth.set(depth + 1);
        let result = run();
        self.depth.set(depth);
        result
    }
}
