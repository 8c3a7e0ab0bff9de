//! Batches: samples cut to one length, and the target's rows in the draft's ids.

use super::sample::Sample;
use crate::model::draft::{Draft, Input};

/// Sequences of one length, side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Number of sequences.
    pub sequences: usize,
    /// Tokens of all of them that are read, padding not counted.
    pub read: usize,
    /// Tokens of each, padded with 0 behind: `[sequences][length]`.
    pub tokens: Vec<u32>,
    /// The target's states one position before each token, `state_width` values each; empty where the draft does not
    /// read them.
    pub states: Vec<f32>,
    /// Where the target's rows stand: `sequence * length + position`.
    pub at: Vec<u32>,
    /// Ids kept of a row.
    pub top: usize,
    /// Draft ids, `[row][top]`; 0 where `valid` is.
    pub ids: Vec<i32>,
    /// 1 where the draft can say the id, otherwise 0.
    pub valid: Vec<f32>,
    /// The target's probabilities of those, and of all other ids of the draft's together, `[row][top + 1]`: of what the
    /// draft can say, so they sum to 1.
    pub p: Vec<f32>,
    /// What the target gives to what the draft can say, as far as the kept ids tell.
    pub covered: Vec<f32>,
    /// Draft id of the token that the text goes on with; -1 where the draft cannot say it.
    pub labels: Vec<i32>,
    /// 0 where the draft reads zeros in place of token and state, otherwise 1: `[sequences][length]`, or empty where nothing
    /// is masked.
    pub keep: Vec<f32>,
    /// The target's state at each row's position, `state_width` values each, where there are
    /// states.
    pub features: Vec<f32>,
}

impl Batch {
    /// Rows that pass `pass` (from 0) learns from: before position `pass` nothing came that it could go on from.
    pub fn rows(&self, pass: usize) -> impl Iterator<Item = usize> + '_ {
        let length = self.tokens.len() / self.sequences.max(1);
        (0..self.at.len()).filter(move |row| self.at[*row] as usize % length >= pass)
    }

    /// Hides each input from the draft with probability `share`.
    pub fn mask(&mut self, share: f32, random: &mut fastrand::Rng) {
        if share > 0.0 {
            self.keep = self.tokens.iter().map(|_| f32::from(u8::from(random.f32() >= share))).collect();
        }
    }
}

/// Makes batches for a draft.
#[derive(Debug, Clone)]
pub struct Batcher {
    /// Draft id of each target id; -1 where there is none.
    inverse: Vec<i32>,
    /// Width of the states that the draft reads, otherwise 0.
    width: usize,
    length: usize,
}

impl Batcher {
    /// Batches of sequences of `length` tokens.
    pub fn new(draft: &Draft, length: usize) -> Self {
        let mut inverse = vec![-1; draft.config.vocab];
        match &draft.ids {
            None => (0..draft.config.head_vocab).for_each(|id| inverse[id] = id as i32),
            Some(ids) => {
                ids.iter().enumerate().for_each(|(id, target)| inverse[*target as usize] = id as i32)
            }
        }
        let width = if draft.input == Input::Hidden { draft.state_width() } else { 0 };
        Self { inverse, width, length }
    }

    /// A batch of windows of `samples`; where a sample is longer than a window, `random` says which part of it.
    pub fn batch(&self, samples: &[&Sample], random: &mut fastrand::Rng) -> Batch {
        let mut batch = Batch { sequences: samples.len(), ..Batch::default() };
        batch.top = samples.iter().map(|s| s.rows.top()).max().unwrap_or(0);
        for (sequence, sample) in samples.iter().enumerate() {
            // The last token is only ever predicted.
            let readable = sample.tokens.len().saturating_sub(1);
            let room = readable.saturating_sub(self.length);
            let start = if room == 0 { 0 } else { random.usize(..=room) };
            let end = readable.min(start + self.length);
            batch.read += end - start;
            batch.tokens.extend_from_slice(&sample.tokens[start..end]);
            batch.tokens.resize((sequence + 1) * self.length, 0);
            self.push_states(&mut batch, sample, start, end);
            for row in 0..sample.rows.len() {
                let position = sample.rows.positions[row] as usize;
                if (start..end).contains(&position) {
                    batch.at.push((sequence * self.length + position - start) as u32);
                    self.push_row(&mut batch, sample, row);
                }
            }
        }
        batch
    }

    fn push_states(&self, batch: &mut Batch, sample: &Sample, start: usize, end: usize) {
        if self.width == 0 {
            return;
        }
        batch.states.extend(sample.states_before(self.width, start..end));
        batch.states.resize(batch.states.len() + (self.length - (end - start)) * self.width, 0.0);
    }

    fn push_row(&self, batch: &mut Batch, sample: &Sample, row: usize) {
        let (rows, top) = (&sample.rows, sample.rows.top());
        let position = rows.positions[row] as usize;
        let first = batch.p.len();
        let mut covered = rows.tail[row];
        for i in row * top..(row + 1) * top {
            let (id, p) = (self.inverse[rows.ids[i] as usize], rows.p[i].to_f32());
            let valid = id >= 0;
            batch.ids.push(id.max(0));
            batch.valid.push(f32::from(u8::from(valid)));
            batch.p.push(if valid { p } else { 0.0 });
            covered += if valid { p } else { 0.0 };
        }
        for _ in top..batch.top {
            batch.ids.push(0);
            batch.valid.push(0.0);
            batch.p.push(0.0);
        }
        batch.p.push(rows.tail[row]);
        let covered = covered.max(1e-6);
        batch.p[first..].iter_mut().for_each(|p| *p /= covered);
        batch.covered.push(covered.min(1.0));
        batch.labels.push(self.inverse[sample.tokens[position + 1] as usize]);
        if self.width > 0 {
            let feature = &sample.hidden[position * self.width..][..self.width];
            batch.features.extend(feature.iter().map(|h| h.to_f32()));
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::learn::core::draft::Architecture;
    use crate::learn::core::sample::Rows;
    use crate::model::tiny::Tiny;

    fn draft(ids: &[u32]) -> Draft {
        let target = Tiny { width: 4, heads: 1, kv_heads: 1, head_dim: 4, ..Tiny::default() }.config();
        (Architecture::by_name("hidden-1").unwrap().shape)(&target).draft(&target, Some(ids.to_vec()))
    }

    /// Tokens 0 to 5; rows at 2 and 4; the state at position t is t + 1 four times.
    fn sample() -> Sample {
        Sample {
            tokens: vec![0, 1, 2, 3, 4, 5],
            rows: Rows {
                positions: vec![2, 4],
                ids: vec![3, 9, 5, 1],
                p: [0.5, 0.25, 0.75, 0.125].map(f16::from_f32).to_vec(),
                tail: vec![0.25, 0.125],
            },
            hidden: (0..5).flat_map(|t| [f16::from_f32(t as f32 + 1.0); 4]).collect(),
            temperature: 1.0,
        }
    }

    #[test]
    fn rows_are_in_the_drafts_ids() {
        let batcher = Batcher::new(&draft(&[1, 3, 7]), 8);
        let batch = batcher.batch(&[&sample()], &mut fastrand::Rng::with_seed(1));
        assert_eq!(batch.tokens, [0, 1, 2, 3, 4, 0, 0, 0]);
        assert_eq!(batch.at, [2, 4]);
        assert_eq!(batch.ids, [1, 0, 0, 0]);
        assert_eq!(batch.valid, [1.0, 0.0, 0.0, 1.0]);
        // Of the first row 0.5 and the tail of 0.25 can be said; of the second 0.125 and 0.125.
        assert_eq!(batch.covered, [0.75, 0.25]);
        assert_eq!(batch.p, [0.5 / 0.75, 0.0, 0.25 / 0.75, 0.0, 0.5, 0.5]);
        assert_eq!(batch.labels, [1, -1]);
        let states: Vec<f32> = batch.states.iter().step_by(4).copied().collect();
        assert_eq!(states, [0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0]);
        assert_eq!(batch.features, [3.0, 3.0, 3.0, 3.0, 5.0, 5.0, 5.0, 5.0]);
    }

    #[test]
    fn a_share_of_the_inputs_is_masked() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut batch = Batcher::new(&draft(&[1, 3, 7]), 500).batch(&[&sample(); 4], &mut random);
        batch.mask(0.0, &mut random);
        assert!(batch.keep.is_empty());
        batch.mask(0.3, &mut random);
        let kept = batch.keep.iter().sum::<f32>() / batch.tokens.len() as f32;
        assert!(batch.keep.len() == batch.tokens.len() && (kept - 0.7).abs() < 0.05, "{kept}");
    }

    #[test]
    fn windows_keep_their_states_and_rows() {
        let batcher = Batcher::new(&draft(&[1, 3, 7]), 2);
        let mut starts = std::collections::HashSet::new();
        for seed in 0..40 {
            let batch = batcher.batch(&[&sample(), &sample()], &mut fastrand::Rng::with_seed(seed));
            assert_eq!(batch.tokens.len(), 4);
            starts.insert(batch.tokens[0]);
            for (i, token) in batch.tokens.iter().enumerate() {
                assert_eq!(batch.states[4 * i], *token as f32, "the state before token t is t");
            }
            for (at, feature) in batch.at.iter().zip(batch.features.chunks_exact(4)) {
                assert_eq!(batch.tokens[*at as usize] as f32 + 1.0, feature[0]);
            }
        }
        assert_eq!(starts.len(), 4);
    }
}
