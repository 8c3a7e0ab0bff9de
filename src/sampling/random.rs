//! Counter-based random numbers: every draw has an address, and its word is a function of the seed
//! and that address. CPU, GPU and a replay agree on every word, whatever else was drawn, and in whichever order.

/// `Philox4x32-10` (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

impl Philox {
    /// The key is the seed's low word, then its high one.
    pub fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// The four words at `counter`.
    pub fn block(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut words = counter;
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let [a, b, c, d] = words;
            let (a_high, a_low) = multiply(a, MULTIPLIERS[0]);
            let (c_high, c_low) = multiply(c, MULTIPLIERS[1]);
            words = [c_high ^ b ^ key[0], c_low, a_high ^ d ^ key[1], a_low];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        words
    }
}

/// High and low word of a product.
fn multiply(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}

/// What a word decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Stream {
    /// Which token is drafted.
    Draft = 0,
    /// Whether a drafted token is kept.
    Accept = 1,
    /// The token of the target's own: a correction or a bonus.
    Residual = 2,
    /// What has no part in the text, such as which setting to try.
    Exploration = 3,
}

/// The address of a draw within a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Draw {
    /// Absolute position of the token that is decided: the context's length + i for the i-th proposed one.
    pub position: u32,
    /// What is decided.
    pub stream: Stream,
    /// Which of several candidates for that position; 0 in chains.
    pub slot: u32,
}

/// The draws of one round.
///
/// A position that is not reached is drafted again in a later round, and what became of the first draft may have
/// depended on its words (in block verification it does). So the round's number, the epoch, is part of the address:
/// without it words are not independent of the draft (`docs/algorithms.md`: what losslessness needs), and the text is no
/// longer the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    philox: Philox,
    epoch: u32,
}

impl Draws {
    /// The draws of round `epoch`, counted over the whole generation.
    pub fn new(philox: Philox, epoch: u32) -> Self {
        Self { philox, epoch }
    }

    /// The word at an address: uniform on all of `u32`.
    pub fn word(&self, at: Draw) -> u32 {
        self.philox.block([at.position, at.stream as u32, at.slot, self.epoch])[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let block = |counter, [low, high]: [u64; 2]| Philox::new(high << 32 | low).block(counter);
        assert_eq!(block([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            block([u32::MAX; 4], [u64::from(u32::MAX); 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            block([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn every_part_of_an_address_counts() {
        let at = |position, stream, slot| Draw { position, stream, slot };
        let philox = Philox::new(5);
        let words = [
            Draws::new(philox, 0).word(at(7, Stream::Draft, 0)),
            Draws::new(philox, 1).word(at(7, Stream::Draft, 0)),
            Draws::new(philox, 0).word(at(8, Stream::Draft, 0)),
            Draws::new(philox, 0).word(at(7, Stream::Accept, 0)),
            Draws::new(philox, 0).word(at(7, Stream::Draft, 1)),
            Draws::new(Philox::new(5 << 32), 0).word(at(7, Stream::Draft, 0)),
        ];
        let distinct: std::collections::HashSet<u32> = words.into_iter().collect();
        assert_eq!(distinct.len(), words.len());
        assert_eq!(words[0], philox.block([7, 0, 0, 0])[0]);
    }
}
