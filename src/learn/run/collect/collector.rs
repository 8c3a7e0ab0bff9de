//! What collecting is done with.

use crate::cpu::{Draft, Model};
use crate::learn::core::Sample;

/// Runs scripts.
pub struct Collector<'a> {
    /// Who speaks and judges.
    pub target: &'a Model,
    /// Who says the answers, at temperature 1; the target where there is none.
    pub draft: Option<&'a Draft>,
    /// Tokens that end a part.
    pub stop_ids: &'a [u32],
    /// Whether samples carry hidden states.
    pub hidden: bool,
    /// Sequences in a pass: more share the weights' way from memory.
    pub lanes: usize,
    /// Threads, each with lanes of its own.
    pub threads: usize,
}

/// A finished sample.
pub struct Progress {
    /// Which script it was, counted from 0 in the order in which they were handed out.
    pub script: usize,
    /// What became of it.
    pub sample: Sample,
}
