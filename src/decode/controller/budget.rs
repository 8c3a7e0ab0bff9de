//! What a source may lose: a little at first, and a little of every token after that. A generation is then never more than a
//! few per cent slower than plain decoding, whatever a source promises.

/// A source's account, in the time of plain rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Budget {
    /// What it saved so far; negative where it lost.
    balance: f64,
}

/// What may be lost at first, and of every token after that.
const AT_FIRST: f64 = 3.0;
const A_TOKEN: f64 = 0.008;
/// More than that is not saved up: what was won earlier is no reason to lose it.
const MOST: f64 = 3.0;

impl Budget {
    /// A round committed so many tokens in the time of so many plain rounds.
    pub(super) fn add(&mut self, tokens: f64, rounds: f64) {
        self.balance = (self.balance + tokens - rounds).min(MOST);
    }

    /// Whether it won more than it lost.
    pub(super) fn has_won(&self) -> bool {
        self.balance > 0.0
    }

    /// Whether a round that may lose can be afforded behind so many tokens.
    pub(super) fn allows(&self, generated: usize) -> bool {
        self.balance > -(AT_FIRST + A_TOKEN * generated as f64)
    }

    /// Whether there is enough for one that probably loses.
    pub(super) fn allows_trying(&self, generated: usize) -> bool {
        self.balance > -0.6 * (AT_FIRST + A_TOKEN * generated as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_end_and_gains_are_not_saved_up() {
        let mut budget = Budget::default();
        let lost = (0..100).take_while(|_| {
            let allowed = budget.allows(0);
            budget.add(1.0, 1.5);
            allowed
        });
        assert_eq!(lost.count(), 6);
        assert!(!budget.allows(50) && budget.allows(100), "every token allows for a little more");
        assert!(budget.allows(200) && !budget.allows_trying(200));
        budget.add(1e3, 0.0);
        assert!(budget.has_won());
        (0..12).for_each(|_| budget.add(1.0, 1.5));
        assert!(!budget.allows(0), "what was won before is lost no sooner");
    }
}
