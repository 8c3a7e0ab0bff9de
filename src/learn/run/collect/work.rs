//! The collector: runs scripts through the target, several sequences a pass, and keeps what the target thinks.
//!
//! A sample depends on its script alone, not on which others run beside it: passes are batch-invariant and every
//! script has random numbers of its own. So a collection can be cut off anywhere and taken up again.

use std::sync::Mutex;
use std::sync::mpsc;

use super::collector::{Collector, Progress};
use super::lane::Lane;
use super::script::Script;
use crate::cpu::{DraftReader, Model, TargetReader};

impl Collector<'_> {
    /// Runs every script and hands each sample to `done` when it is finished: not in the scripts' order. Where `done`
    /// returns an error nothing new is begun, and that error comes back.
    ///
    /// # Errors
    /// Those of `done`.
    ///
    /// # Panics
    /// When a script can become longer than the target was loaded for, or has a token that it does not read.
    pub fn run<E>(
        &self,
        scripts: impl Iterator<Item = (usize, Script)> + Send,
        mut done: impl FnMut(Progress) -> Result<(), E>,
    ) -> Result<(), E> {
        let scripts = Mutex::new(scripts.fuse());
        let next = || match scripts.lock() {
            Ok(mut scripts) => scripts.next(),
            Err(_) => None,
        };
        std::thread::scope(|scope| {
            let (sender, finished) = mpsc::channel();
            for _ in 0..self.threads.max(1) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || self.work(next, &sender));
            }
            drop(sender);
            // Returning drops the receiver: the threads then end at their next finished sample.
            finished.into_iter().try_for_each(&mut done)
        })
    }

    /// One thread: keeps its lanes full until there is nothing left to do.
    fn work(&self, next: &impl Fn() -> Option<(usize, Script)>, finished: &mpsc::Sender<Progress>) {
        let mut lanes: Vec<Lane<'_>> = Vec::new();
        // Those of finished lanes: their memory is used again.
        let mut readers: Vec<TargetReader<&Model>> = Vec::new();
        let taps = self.kept();
        loop {
            while lanes.len() < self.lanes.max(1) {
                let Some((index, script)) = next() else { break };
                let needed = script.longest();
                let spare = readers.iter().position(|reader| reader.capacity() >= needed);
                let target = spare.map_or_else(
                    || TargetReader::new(self.target, needed.next_multiple_of(64), taps.clone()),
                    |spare| readers.swap_remove(spare),
                );
                let speaker = self.draft.map(|draft| DraftReader::new(draft, needed));
                lanes.push(Lane::new(index, script, target, speaker));
            }
            if lanes.is_empty() {
                return;
            }
            for lane in &mut lanes {
                lane.read_given(self);
            }
            self.step(&mut lanes);
            let mut at = 0;
            while at < lanes.len() {
                if !lanes[at].is_finished() {
                    at += 1;
                    continue;
                }
                let (progress, reader) = lanes.swap_remove(at).finish();
                readers.push(reader);
                readers.truncate(self.lanes);
                if finished.send(progress).is_err() {
                    return;
                }
            }
        }
    }

    /// One pass over the last token of every lane that is not finished, and a token more for each.
    fn step(&self, lanes: &mut [Lane<'_>]) {
        let mut speaking: Vec<&mut Lane<'_>> = lanes.iter_mut().filter(|lane| !lane.is_finished()).collect();
        let tokens: Vec<u32> = speaking.iter().map(|lane| lane.last()).collect();
        let mut readers: Vec<_> = speaking.iter_mut().map(|lane| &mut lane.target).collect();
        let logits = TargetReader::read_each(&mut readers, &tokens);
        // What the draft proposes after the same tokens, where one speaks.
        let mut speakers: Vec<_> = speaking.iter_mut().filter_map(|lane| lane.speaks()).collect();
        let proposed = DraftReader::read_each(&mut speakers, &tokens);
        let mut proposed = proposed.chunks_exact(self.draft.map_or(1, |draft| draft.config().head_vocab));
        for (lane, logits) in speaking.into_iter().zip(logits.chunks_exact(self.target.config().head_vocab)) {
            lane.hear(self, logits, proposed.next());
        }
    }
}
