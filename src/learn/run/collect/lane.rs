//! One sequence of a [`Collector`]: where it stands in its script.

use half::f16;

use super::collector::{Collector, Progress};
use super::script::{Part, Script};
use crate::cpu::{Cache, Logits};
use crate::learn::core::sample::weights;
use crate::learn::core::{Rows, Sample};
use crate::sampling::argmax;

/// A sequence in the making.
pub(super) struct Lane {
    index: usize,
    script: Script,
    /// Parts that are done, and tokens of the next one that are.
    part: usize,
    spoken: usize,
    tokens: Vec<u32>,
    /// Which tokens are to be learnt.
    learn: Vec<bool>,
    /// Tokens that the target has read.
    read: usize,
    rows: Rows,
    hidden: Vec<f16>,
    random: fastrand::Rng,
    /// The target's state at the last position read: zeros before the first.
    state: Vec<f32>,
    pub cache: Cache,
    /// The draft's cache, where a draft speaks.
    pub speaker: Option<Cache>,
}

impl Lane {
    pub fn new(index: usize, script: Script, cache: Cache, speaker: Option<Cache>) -> Self {
        let random = fastrand::Rng::with_seed(script.seed);
        let mut lane = Self {
            index,
            script,
            part: 0,
            spoken: 0,
            tokens: Vec::new(),
            learn: Vec::new(),
            read: 0,
            rows: Rows::default(),
            hidden: Vec::new(),
            random,
            state: Vec::new(),
            cache,
            speaker,
        };
        lane.take_given();
        lane
    }

    /// Appends the parts that are given, up to the next that is to be sampled. A question that ended with the token
    /// that the next part begins with has said it already.
    fn take_given(&mut self) {
        while let Some(Part::Context(ids) | Part::Text(ids)) = self.script.parts.get(self.part) {
            let learn = matches!(self.script.parts[self.part], Part::Text(_));
            let said = usize::from(self.part > 0 && ids.first() == self.tokens.last() && !ids.is_empty());
            self.tokens.extend_from_slice(&ids[said..]);
            self.learn.resize(self.tokens.len(), learn);
            self.part += 1;
        }
    }

    /// Whether all parts are done.
    pub fn is_finished(&self) -> bool {
        self.part >= self.script.parts.len()
    }

    /// The token to read next, the last one.
    pub fn last(&self) -> u32 {
        self.tokens.last().copied().unwrap_or(0)
    }

    /// Tokens that the target has read.
    pub fn read(&self) -> usize {
        self.read
    }

    /// The target's state one position before the token to read next.
    pub fn before(&self) -> &[f32] {
        &self.state
    }

    /// Reads what was given, all but the last token.
    pub fn read_given(&mut self, collector: &Collector<'_>) {
        let end = self.tokens.len().saturating_sub(1);
        if self.state.is_empty() {
            self.state = vec![0.0; collector.target.config().width];
        }
        if self.read >= end {
            return;
        }
        let learn = self.learn[self.read + 1..=end].contains(&true);
        let feeds = collector.draft.is_some_and(|draft| draft.reads_hidden());
        let which = match (learn, collector.hidden || feeds) {
            (true, _) => Logits::All,
            (false, true) => Logits::States,
            (false, false) => Logits::None,
        };
        let given = &self.tokens[self.read..end];
        let output = collector.target.forward_hidden(&mut self.cache, given, self.read, which);
        for (row, logits) in output.logits.chunks_exact(collector.target.config().head_vocab).enumerate() {
            let position = self.read + row;
            if self.learn[position + 1] {
                self.rows.push(position as u32, logits);
            }
        }
        self.keep_hidden(collector, &output.hidden);
        self.tell_draft(collector, end, &output.hidden);
        self.read = end;
    }

    /// Lets the draft read on to `end`; `hidden` are the target's states at the positions that are new.
    fn tell_draft(&mut self, collector: &Collector<'_>, end: usize, hidden: &[f32]) {
        let width = self.state.len();
        let before = std::mem::take(&mut self.state);
        let (earlier, last) = hidden.split_at(hidden.len().saturating_sub(width));
        if let (Some(draft), Some(cache)) = (collector.draft, &mut self.speaker) {
            let tokens = &self.tokens[self.read..end];
            let states = if draft.reads_hidden() { [&before, earlier].concat() } else { Vec::new() };
            draft.forward(cache, tokens, &states, self.read, Logits::None);
        }
        self.state = if last.is_empty() { before } else { last.to_vec() };
    }

    fn keep_hidden(&mut self, collector: &Collector<'_>, hidden: &[f32]) {
        if collector.hidden {
            self.hidden.extend(hidden.iter().map(|h| f16::from_f32(*h)));
        }
    }

    /// Takes what the target thinks of the last token, and says the next one: the draft's idea of it in an answer, where a
    /// draft speaks and `proposed` are its logits.
    pub fn hear(
        &mut self,
        collector: &Collector<'_>,
        logits: &[f32],
        hidden: &[f32],
        proposed: Option<&[f32]>,
    ) {
        self.keep_hidden(collector, hidden);
        self.state.copy_from_slice(hidden);
        self.read += 1;
        let (max, temperature, answers) = match self.script.parts[self.part] {
            Part::Question(max) => (max, 1.0, false),
            Part::Answer(max) => (max, self.script.temperature, true),
            Part::Context(_) | Part::Text(_) => return,
        };
        self.rows.push(self.tokens.len() as u32 - 1, logits);
        let token = match (collector.draft, proposed) {
            (Some(draft), Some(proposed)) if answers => {
                draft.target_id(draw(proposed, 1.0, &mut self.random))
            }
            _ => draw(logits, temperature, &mut self.random),
        };
        self.tokens.push(token);
        self.learn.push(true);
        self.spoken += 1;
        if self.spoken >= max || collector.stop_ids.contains(&token) {
            self.spoken = 0;
            self.part += 1;
            self.take_given();
        }
    }

    /// What became of the script, and the cache to be used again.
    pub fn finish(self) -> (Progress, Cache) {
        let Self { index, script, tokens, rows, hidden, cache, .. } = self;
        let sample = Sample { tokens, rows, hidden, temperature: script.temperature };
        (Progress { script: index, sample }, cache)
    }
}

/// A token drawn from `softmax(logits / temperature)`; the largest at temperature 0.
pub(super) fn draw(logits: &[f32], temperature: f32, random: &mut fastrand::Rng) -> u32 {
    if temperature <= 0.0 {
        return argmax(logits);
    }
    let (weights, total) = weights(logits, temperature);
    let mut left = random.f64() * total;
    for (id, weight) in weights.iter().enumerate() {
        left -= f64::from(*weight);
        if left < 0.0 {
            return id as u32;
        }
    }
    argmax(logits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_softmax() {
        let logits: Vec<f32> = [0.5f32, 0.0, 0.3, 0.2].iter().map(|p| p.ln()).collect();
        let mut random = fastrand::Rng::with_seed(3);
        let mut counts = [0; 4];
        for _ in 0..40_000 {
            counts[draw(&logits, 1.0, &mut random) as usize] += 1;
        }
        for (count, p) in counts.iter().zip([0.5, 0.0, 0.3, 0.2]) {
            assert!((f64::from(*count) / 40_000.0 - p).abs() < 0.012, "{counts:?}");
        }
        assert_eq!(draw(&logits, 0.0, &mut random), 0);
        // At half the temperature odds are squared: 25 : 9 : 4.
        let first = (0..40_000).filter(|_| draw(&logits, 0.5, &mut random) == 0).count();
        assert!((first as f64 / 40_000.0 - 25.0 / 38.0).abs() < 0.012, "{first}");
    }
}
