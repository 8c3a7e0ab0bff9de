//! The exact law of a randomized algorithm (`docs/algorithms.md`: laws, enumerated): it is run once for every way that its
//! choices can fall out, and the probabilities of the ways are summed.

use std::collections::BTreeMap;

use paceline::sampling::random::Draw;
use paceline::verify::Choices;

use super::Source;

/// Choices that follow a prescribed path, then take the first possible option at each new choice.
pub struct Replay {
    path: Vec<usize>,
    made: usize,
    /// Paths not gone yet, which branch off this one.
    others: Vec<Vec<usize>>,
    probability: f64,
}

impl Replay {
    /// Takes one of these options.
    pub fn decide(&mut self, probabilities: &[f64]) -> usize {
        if self.made == self.path.len() {
            let mut possible = (0..probabilities.len()).filter(|&i| probabilities[i] > 0.0);
            let first = possible.next().expect("something is possible");
            self.others.extend(possible.map(|other| [&self.path[..], &[other]].concat()));
            self.path.push(first);
        }
        let option = self.path[self.made];
        self.made += 1;
        self.probability *= probabilities[option];
        option
    }
}

impl Choices for Replay {
    fn bernoulli(&mut self, _: Draw, numerator: u128, denominator: u128) -> bool {
        assert!(denominator > 0 && denominator <= 1 << 62);
        let numerator = numerator.min(denominator);
        let divide = |n: u128| n as f64 / denominator as f64;
        self.decide(&[divide(numerator), divide(denominator - numerator)]) == 0
    }

    fn categorical(&mut self, _: Draw, len: usize, weight: &dyn Fn(usize) -> u64, total: u64) -> usize {
        assert_eq!((0..len).map(weight).sum::<u64>(), total, "the total of the weights");
        assert!(total > 0 && total <= 1 << 62);
        let probabilities: Vec<f64> = (0..len).map(|i| weight(i) as f64 / total as f64).collect();
        self.decide(&probabilities)
    }
}

impl Source for Replay {}

/// What comes out of `algorithm` with which probability.
pub fn law<T: Ord>(algorithm: impl Fn(&mut Replay) -> T) -> BTreeMap<T, f64> {
    let mut law = BTreeMap::new();
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let mut replay = Replay { path, made: 0, others: Vec::new(), probability: 1.0 };
        let outcome = algorithm(&mut replay);
        *law.entry(outcome).or_insert(0.0) += replay.probability;
        paths.append(&mut replay.others);
    }
    law
}
