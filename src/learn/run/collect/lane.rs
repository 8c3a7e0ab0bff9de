//! One sequence of a [`Collector`]: where it stands in its script.

use std::ops::Range;

use half::f16;

use super::collector::{Collector, Progress};
use super::script::{Part, Script};
use crate::cpu::{Draft, DraftReader, Logits, Model, States, TargetReader};
use crate::learn::core::sample::weights;
use crate::learn::core::{Rows, Sample};
use crate::learn::run::draw::draw;
use crate::round::Memory;
use crate::sampling::argmax;

/// A sequence in the making.
pub(super) struct Lane<'a> {
    index: usize,
    script: Script,
    /// Parts that are done, and tokens of the next one that are.
    part: usize,
    spoken: usize,
    tokens: Vec<u32>,
    /// Which tokens are to be learnt.
    learn: Vec<bool>,
    rows: Rows,
    hidden: Vec<f16>,
    random: fastrand::Rng,
    pub target: TargetReader<&'a Model>,
    /// The draft, where one speaks.
    speaker: Option<DraftReader<&'a Draft>>,
}

impl<'a> Lane<'a> {
    /// A lane at the beginning of `script`, whose readers have read nothing.
    pub fn new(
        index: usize,
        script: Script,
        target: TargetReader<&'a Model>,
        speaker: Option<DraftReader<&'a Draft>>,
    ) -> Self {
        let random = fastrand::Rng::with_seed(script.seed);
        let mut lane = Self {
            index,
            script,
            part: 0,
            spoken: 0,
            tokens: Vec::new(),
            learn: Vec::new(),
            rows: Rows::default(),
            hidden: Vec::new(),
            random,
            target,
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

    /// The draft, where one speaks, and the states that it is fed.
    pub fn speaks(&mut self) -> Option<(&mut DraftReader<&'a Draft>, Option<&States>)> {
        let speaker = self.speaker.as_mut()?;
        Some((speaker, self.target.states()))
    }

    /// Reads what was given, all but the last token.
    pub fn read_given(&mut self, collector: &Collector<'_>) {
        let (start, end) = (self.target.len(), self.tokens.len().saturating_sub(1));
        if start >= end {
            return;
        }
        let given = &self.tokens[start..end];
        if self.learn[start + 1..=end].contains(&true) {
            let logits = self.target.read(given, Logits::All);
            for (row, logits) in logits.chunks_exact(collector.target.config().head_vocab).enumerate() {
                if self.learn[start + row + 1] {
                    self.rows.push((start + row) as u32, logits);
                }
            }
        } else {
            self.target.fill(&self.tokens[..end]);
        }
        if let Some(speaker) = &mut self.speaker {
            speaker.catch_up(&self.tokens[..end], self.target.states(), Logits::None);
        }
        self.keep_hidden(collector, start..end);
    }

    /// Keeps what the sample carries of the states at the positions that were read last. What predicts the next token is
    /// all that is needed after that.
    fn keep_hidden(&mut self, collector: &Collector<'_>, positions: Range<usize>) {
        let end = positions.end;
        if let (Some(taps), Some(states)) = (&collector.taps, self.target.states()) {
            self.hidden.extend(states.at(positions, taps).into_iter().map(f16::from_f32));
        }
        self.target.forget_states(end.saturating_sub(1));
    }

    /// Takes what the target thinks of the last token, which it has just read, and says the next one: the draft's idea of it
    /// in an answer, where a draft speaks and `proposed` are its logits.
    pub fn hear(&mut self, collector: &Collector<'_>, logits: &[f32], proposed: Option<&[f32]>) {
        let read = self.target.len();
        self.keep_hidden(collector, read - 1..read);
        let (max, temperature, answers) = match self.script.parts[self.part] {
            Part::Question(max) => (max, 1.0, false),
            Part::Answer(max) => (max, self.script.temperature, true),
            Part::Context(_) | Part::Text(_) => return,
        };
        self.rows.push(self.tokens.len() as u32 - 1, logits);
        let token = match (collector.draft, proposed) {
            (Some(draft), Some(proposed)) if answers => {
                draft.target_id(speak(proposed, 1.0, &mut self.random))
            }
            _ => speak(logits, temperature, &mut self.random),
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

    /// What became of the script, and its reader, to be used again.
    pub fn finish(self) -> (Progress, TargetReader<&'a Model>) {
        let Self { index, script, tokens, rows, hidden, mut target, .. } = self;
        let sample = Sample { tokens, rows, hidden, temperature: script.temperature };
        target.truncate(0);
        (Progress { script: index, sample }, target)
    }
}

/// A token drawn from `softmax(logits / temperature)`; the largest at temperature 0.
fn speak(logits: &[f32], temperature: f32, random: &mut fastrand::Rng) -> u32 {
    if temperature <= 0.0 {
        return argmax(logits);
    }
    let (weights, total) = weights(logits, temperature);
    draw(&weights, total, random).unwrap_or_else(|| argmax(logits))
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
            counts[speak(&logits, 1.0, &mut random) as usize] += 1;
        }
        for (count, p) in counts.iter().zip([0.5, 0.0, 0.3, 0.2]) {
            assert!((f64::from(*count) / 40_000.0 - p).abs() < 0.012, "{counts:?}");
        }
        assert_eq!(speak(&logits, 0.0, &mut random), 0);
        // At half the temperature odds are squared: 25 : 9 : 4.
        let first = (0..40_000).filter(|_| speak(&logits, 0.5, &mut random) == 0).count();
        assert!((first as f64 / 40_000.0 - 25.0 / 38.0).abs() < 0.012, "{first}");
    }
}
