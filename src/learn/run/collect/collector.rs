//! What collecting is done with.

use crate::cpu::{Draft, Model};
use crate::learn::core::Sample;
use crate::model::Taps;

/// Runs scripts.
#[derive(Clone)]
pub struct Collector<'a> {
    /// Who speaks and judges.
    pub target: &'a Model,
    /// Who says the answers, at temperature 1; the target where there is none.
    pub draft: Option<&'a Draft>,
    /// Tokens that end a part.
    pub stop_ids: &'a [u32],
    /// Which of the target's states samples carry, where they carry any.
    pub taps: Option<Taps>,
    /// Sequences in a pass: more share the weights' way from memory.
    pub lanes: usize,
    /// Threads, each with lanes of its own.
    pub threads: usize,
}

impl Collector<'_> {
    /// The states that the target keeps while it reads: for the samples, and for the draft.
    pub(super) fn kept(&self) -> Option<Taps> {
        Taps::union(self.taps.iter().chain(self.draft.and_then(Draft::taps)))
    }
}

/// A finished sample.
pub struct Progress {
    /// Which script it was, counted from 0 in the order in which they were handed out.
    pub script: usize,
    /// What became of it.
    pub sample: Sample,
}
