//! The collector: runs scripts through the target, several sequences a pass, and keeps what the target thinks.
//!
//! A sample depends on its script alone, not on which others run beside it: passes are batch-invariant and every
//! script has random numbers of its own. So a collection can be cut off anywhere and taken up again.

use std::sync::Mutex;
use std::sync::mpsc;

use super::collector::{Collector, Progress};
use super::lane::Lane;
use super::script::Script;
use crate::cpu::Cache;

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
        let mut lanes: Vec<Lane> = Vec::new();
        let mut caches: Vec<Cache> = Vec::new();
        loop {
            while lanes.len() < self.lanes.max(1) {
                let Some((index, script)) = next() else { break };
                let needed = script.longest();
                let spare = caches.iter().position(|cache| cache.capacity() >= needed);
                let cache = spare.map_or_else(
                    || Cache::new(self.target.config(), needed.next_multiple_of(64)),
                    |spare| caches.swap_remove(spare),
                );
                let speaker = self.draft.map(|draft| Cache::new(draft.config(), needed));
                lanes.push(Lane::new(index, script, cache, speaker));
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
                let (progress, cache) = lanes.swap_remove(at).finish();
                caches.push(cache);
                caches.truncate(self.lanes);
                if finished.send(progress).is_err() {
                    return;
                }
            }
        }
    }

    /// One pass over the last token of every lane that is not finished, and a token more for each.
    fn step(&self, lanes: &mut [Lane]) {
        let mut speaking: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| !lane.is_finished()).collect();
        if speaking.is_empty() {
            return;
        }
        let tokens: Vec<u32> = speaking.iter().map(|lane| lane.last()).collect();
        let positions: Vec<usize> = speaking.iter().map(|lane| lane.read()).collect();
        let output = {
            let mut caches: Vec<&mut Cache> = speaking.iter_mut().map(|lane| &mut lane.cache).collect();
            self.target.forward_batch(&mut caches, &tokens, &positions)
        };
        let config = self.target.config();
        let mut proposed = self.propose(&mut speaking, &tokens, &positions).into_iter();
        let logits = output.logits.chunks_exact(config.head_vocab);
        let hidden = output.hidden.chunks_exact(config.width);
        for (lane, (logits, hidden)) in speaking.into_iter().zip(logits.zip(hidden)) {
            lane.hear(self, logits, hidden, proposed.next().as_deref());
        }
    }

    /// The draft's logits after the same tokens, a row a lane; none where the target speaks alone.
    fn propose(&self, speaking: &mut [&mut Lane], tokens: &[u32], positions: &[usize]) -> Vec<Vec<f32>> {
        let Some(draft) = self.draft else { return Vec::new() };
        let states: Vec<f32> = if draft.reads_hidden() {
            speaking.iter().flat_map(|lane| lane.before().iter().copied()).collect()
        } else {
            Vec::new()
        };
        let mut caches: Vec<&mut Cache> =
            speaking.iter_mut().filter_map(|lane| lane.speaker.as_mut()).collect();
        let output = draft.forward_batch(&mut caches, tokens, &states, positions);
        output.logits.chunks_exact(draft.config().head_vocab).map(<[f32]>::to_vec).collect()
    }
}
