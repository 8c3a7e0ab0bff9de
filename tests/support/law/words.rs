//! The library's own random words as a source of choices, and two ways to get them wrong.

use paceline::sampling::random::{Draw, Draws, Philox};
use paceline::verify::Choices;

use super::Source;

/// What a later round has in common with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reuse {
    /// Nothing: positions are absolute, and each round is an epoch.
    Nothing,
    /// The epoch: a position that is drafted again is drafted with the same words.
    Epoch,
    /// Everything: positions count from the round's beginning.
    Everything,
}

/// Words of one generation.
pub struct Words {
    philox: Philox,
    reuse: Reuse,
    epoch: u32,
    base: u32,
}

impl Words {
    pub fn new(seed: u64, reuse: Reuse) -> Self {
        Self { philox: Philox::new(seed), reuse, epoch: 0, base: 0 }
    }

    fn locate(&self, at: Draw) -> (Draws, Draw) {
        (Draws::new(self.philox, self.epoch), Draw { position: at.position - self.base, ..at })
    }
}

impl Choices for Words {
    fn bernoulli(&mut self, at: Draw, numerator: u128, denominator: u128) -> bool {
        let (mut draws, at) = self.locate(at);
        draws.bernoulli(at, numerator, denominator)
    }

    fn categorical(&mut self, at: Draw, len: usize, weight: &dyn Fn(usize) -> u64, total: u64) -> usize {
        let (mut draws, at) = self.locate(at);
        draws.categorical(at, len, weight, total)
    }
}

impl Source for Words {
    fn next_round(&mut self, length: usize) {
        match self.reuse {
            Reuse::Nothing => self.epoch += 1,
            Reuse::Epoch => {}
            Reuse::Everything => self.base = length as u32,
        }
    }
}
