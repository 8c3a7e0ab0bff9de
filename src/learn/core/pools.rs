//! Samples to learn from, by where they came from.

use super::sample::Sample;

/// Samples by origin.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    /// Fixed texts.
    pub fixed: Vec<Sample>,
    /// The target's own text.
    pub target: Vec<Sample>,
    /// The draft's own text, as of the last refresh.
    pub draft: Vec<Sample>,
}

/// How likely a sequence comes from each pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// Fixed texts.
    pub fixed: f32,
    /// The target's own text.
    pub target: f32,
    /// The draft's own text.
    pub draft: f32,
}

impl Pools {
    /// A sample of a pool drawn by `mix`; from the other pools where that one is empty.
    pub fn draw(&self, mix: Mix, random: &mut fastrand::Rng) -> Option<&Sample> {
        let pools = [(&self.fixed, mix.fixed), (&self.target, mix.target), (&self.draft, mix.draft)];
        let usable = || pools.iter().filter(|(pool, share)| !pool.is_empty() && *share > 0.0);
        let total: f32 = usable().map(|(_, share)| share).sum();
        let mut left = random.f32() * total;
        let drawn = usable().find(|(_, share)| {
            left -= share;
            left < 0.0
        });
        let (pool, _) = drawn.or_else(|| usable().next_back())?;
        pool.get(random.usize(..pool.len()))
    }

    /// Samples in all pools.
    pub fn len(&self) -> usize {
        self.fixed.len() + self.target.len() + self.draft.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_drawn_by_their_shares() {
        let sample = |token| Sample { tokens: vec![token], ..Sample::default() };
        let pools =
            Pools { fixed: vec![sample(0)], target: vec![sample(1), sample(2)], draft: vec![sample(3)] };
        let mix = Mix { fixed: 0.0, target: 0.75, draft: 0.25 };
        let mut random = fastrand::Rng::with_seed(1);
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            counts[pools.draw(mix, &mut random).unwrap().tokens[0] as usize] += 1;
        }
        assert_eq!(counts[0], 0);
        for (count, share) in counts.iter().zip([0.0, 0.375, 0.375, 0.25]) {
            assert!((f64::from(*count) / 20_000.0 - share).abs() < 0.015, "{counts:?}");
        }
        // Before the draft has said anything, the target speaks alone.
        let pools = Pools { draft: Vec::new(), ..pools };
        assert!((0..100).all(|_| pools.draw(mix, &mut random).unwrap().tokens[0] != 3));
        assert!(Pools::default().draw(mix, &mut random).is_none());
    }
}
