//! Which of the target's ids a draft predicts.

/// Target ids by how often the target said them.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    counts: Vec<u64>,
}

impl Vocabulary {
    /// Nothing counted of `vocab` ids.
    pub fn new(vocab: usize) -> Self {
        Self { counts: vec![0; vocab] }
    }

    /// Counts what the target said.
    ///
    /// # Panics
    /// When an id is not below the vocabulary's size.
    pub fn count(&mut self, tokens: impl IntoIterator<Item = u32>) {
        tokens.into_iter().for_each(|token| self.counts[token as usize] += 1);
    }

    /// The `size` most frequent ids, ascending; of equally frequent ones the lowest, which byte-level BPE merged first.
    pub fn most_frequent(&self, size: usize) -> Vec<u32> {
        let mut ids: Vec<u32> = (0..self.counts.len() as u32).collect();
        ids.sort_by_key(|id| (std::cmp::Reverse(self.counts[*id as usize]), *id));
        ids.truncate(size);
        ids.sort_unstable();
        ids
    }

    /// The share of what was counted that `ids` cover.
    pub fn coverage(&self, ids: &[u32]) -> f64 {
        let covered: u64 = ids.iter().map(|id| self.counts[*id as usize]).sum();
        covered as f64 / self.counts.iter().sum::<u64>().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_ids_first_then_low_ones() {
        let mut vocabulary = Vocabulary::new(10);
        vocabulary.count([7, 7, 7, 2, 2, 9]);
        assert_eq!(vocabulary.most_frequent(2), [2, 7]);
        assert_eq!(vocabulary.most_frequent(5), [0, 1, 2, 7, 9]);
        assert!((vocabulary.coverage(&[2, 7]) - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(vocabulary.most_frequent(99).len(), 10);
    }
}
