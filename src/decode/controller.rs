//! How many tokens to propose: fixed, or what pays best (`docs/algorithms.md`: how long a proposal pays), from what rounds
//! have cost and how much of them was accepted.
//!
//! Speculation that loses time is paused, and tried again now and then. Losses are kept on a budget, so that a
//! generation is never more than a few per cent slower than plain decoding: see [`Controller::may_lose`].

use crate::drafters::Limits;

/// How long proposals are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gamma {
    /// What the drafter says.
    #[default]
    Default,
    /// This many tokens.
    Fixed(usize),
    /// What pays best here and now. It depends on timings: the text does not at temperature 0, but above it the same
    /// seed then gives another sample of the same law.
    Auto,
}

/// Who proposed in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Nobody.
    Plain,
    /// The host.
    Tokens,
    /// The draft model.
    Draft,
}

/// Lengths that are tried: a verify pass then has a row count that there is a plan for.
const LENGTHS: [usize; 7] = [1, 2, 3, 5, 7, 11, 15];
/// The length of a first attempt.
const FIRST: usize = 3;
/// Weight of a new measurement.
const NEW: f64 = 0.3;
/// What is remembered of earlier tests after another one.
const MEMORY: f64 = 0.98;
/// Plain rounds whose time is measured before anything is tried, the first of them not counted.
const WARM_UP: usize = 3;
/// Speculative rounds after which a plain one shows again what plain rounds cost.
const REFRESH: usize = 64;
/// Tokens' time that may be lost at first, and of every token after that.
const LOSS_AT_FIRST: f64 = 2.0;
const LOSS_A_TOKEN: f64 = 0.01;
/// What speculation must promise to be worth it.
const WORTH: f64 = 1.02;

/// An average that follows.
#[derive(Debug, Clone, Copy, Default)]
struct Average(Option<f64>);

impl Average {
    fn add(&mut self, value: f64) {
        self.0 = Some(self.0.map_or(value, |old| old + NEW * (value - old)));
    }
}

/// What is known about proposals of one source.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    accepted: f64,
    tested: f64,
    /// Milliseconds of a round by the index of its length in [`LENGTHS`].
    ms: [Average; LENGTHS.len()],
}

impl Record {
    /// Acceptance rate, cautious while little was tested.
    fn alpha(&self) -> f64 {
        (self.accepted + 1.0) / (self.tested + 2.0)
    }

    /// Expected milliseconds of a round of `LENGTHS[index]` proposals: measured, or on the line through what was, or
    /// through a guess that a row costs a sixth of a plain round.
    fn ms(&self, index: usize, plain: f64) -> f64 {
        if let Some(ms) = self.ms[index].0 {
            return ms;
        }
        let known = (0..LENGTHS.len()).filter_map(|i| Some((LENGTHS[i] as f64, self.ms[i].0?)));
        let nearest = known.min_by(|a, b| {
            let distance = |x: f64| (x - LENGTHS[index] as f64).abs();
            distance(a.0).total_cmp(&distance(b.0))
        });
        let slope = nearest.map_or(plain / 6.0, |(length, ms)| ((ms - plain) / length).max(0.0));
        plain + slope * LENGTHS[index] as f64
    }

    /// The best length of at most `room`, and how many times as fast as plain decoding it promises to be.
    fn best(&self, plain: f64, room: usize) -> (usize, f64) {
        let alpha = self.alpha();
        let gain = |i: usize| {
            let tokens = (1.0 - alpha.powi(LENGTHS[i] as i32 + 1)) / (1.0 - alpha);
            tokens * plain / self.ms(i, plain)
        };
        let lengths = (0..LENGTHS.len()).filter(|&i| LENGTHS[i] <= room);
        let best = lengths.max_by(|&a, &b| gain(a).total_cmp(&gain(b)));
        best.map_or((0, 1.0), |i| (LENGTHS[i], gain(i)))
    }
}

/// Chooses the lengths of a generation's proposals.
#[derive(Debug, Clone, Default)]
pub(super) struct Controller {
    gamma: Gamma,
    plain: Average,
    plain_rounds: usize,
    tokens: Record,
    draft: Record,
    /// Plain rounds' times saved so far; negative where speculation lost.
    balance: f64,
    generated: usize,
    /// Speculative rounds since the last plain one.
    speculated: usize,
    paused: Option<f64>,
}

impl Controller {
    /// Forgets what the draft model's rounds were like: it is another one now.
    pub(super) fn forget_draft(&mut self) {
        self.draft = Record::default();
    }

    /// One for a new generation. What `self` knows about the costs of rounds stays known.
    pub(super) fn restart(&mut self, gamma: Gamma) {
        *self = Self { balance: 0.0, generated: 0, speculated: 0, paused: None, gamma, ..self.clone() };
    }

    /// Why speculation is paused: the speed that it promises, compared with plain decoding.
    pub(super) fn paused(&self) -> Option<f64> {
        self.paused
    }

    /// Whether a loss is affordable: two tokens' time at first, and one in a hundred after that.
    fn may_lose(&self) -> bool {
        self.balance > -(LOSS_AT_FIRST + LOSS_A_TOKEN * self.generated as f64)
    }

    /// The longest proposals worth making, where `room` is the most possible.
    pub(super) fn limits(&mut self, defaults: Limits, room: usize) -> Limits {
        let within =
            |limits: Limits| Limits { tokens: limits.tokens.min(room), draft: limits.draft.min(room) };
        match self.gamma {
            Gamma::Default => within(defaults),
            Gamma::Fixed(gamma) => within(Limits { tokens: gamma, draft: gamma }),
            Gamma::Auto => {
                let choose = |record: &Record, default: usize| match default {
                    0 => (0, 1.0),
                    _ => self.choose(record, room),
                };
                let (tokens, promise) = choose(&self.tokens, defaults.tokens);
                let (draft, other) = choose(&self.draft, defaults.draft);
                let nothing = tokens == 0 && draft == 0 && self.plain_rounds >= WARM_UP && room > 0;
                self.paused = (nothing && self.speculated < REFRESH).then_some(promise.min(other));
                Limits { tokens, draft }
            }
        }
    }

    /// A length for proposals of this record, and what it promises.
    fn choose(&self, record: &Record, room: usize) -> (usize, f64) {
        let plain = match self.plain.0 {
            Some(plain) if self.plain_rounds >= WARM_UP && self.speculated < REFRESH => plain,
            _ => return (0, 1.0),
        };
        if record.tested == 0.0 {
            return (if self.may_lose() { FIRST.min(room) } else { 0 }, 1.0);
        }
        let (length, promise) = record.best(plain, room);
        let pays = promise > WORTH && self.may_lose();
        // A promise below 1 is doubted where half of the budget is left: the draft must also catch up with the text.
        let doubt = self.balance > -0.5 * LOSS_A_TOKEN * self.generated as f64;
        (if pays || doubt { length } else { 0 }, promise)
    }

    /// What a round of `proposed` tokens cost and brought.
    pub(super) fn observe(
        &mut self,
        source: Source,
        proposed: usize,
        tested: usize,
        accepted: usize,
        ms: f64,
    ) {
        self.generated += accepted + 1;
        if source == Source::Plain || proposed == 0 {
            self.plain_rounds += 1;
            self.speculated = 0;
            // The first round pays for what is made once.
            if self.plain_rounds > 1 {
                self.plain.add(ms);
            }
            return;
        }
        self.speculated += 1;
        let record = if source == Source::Tokens { &mut self.tokens } else { &mut self.draft };
        record.accepted = record.accepted * MEMORY + accepted as f64;
        record.tested = record.tested * MEMORY + tested as f64;
        if let Some(index) = LENGTHS.iter().position(|&length| length >= proposed) {
            record.ms[index].add(ms);
        }
        if let Some(plain) = self.plain.0 {
            self.balance += (accepted + 1) as f64 - ms / plain;
        }
    }

    /// Rounds to keep in flight, so that the device never waits for a result that takes `latency_ms` to the host:
    /// at least two, at most `most`.
    pub(super) fn depth(&self, latency_ms: f64, most: usize) -> usize {
        let round = self.plain.0.unwrap_or(f64::INFINITY).max(1e-3);
        (1 + (latency_ms / round).ceil() as usize).clamp(2, most.max(2)).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Limits = Limits { tokens: 0, draft: 4 };

    /// Plays a generation of `tokens` tokens with rounds of `ms(gamma)` and an acceptance rate of `alpha`: total
    /// milliseconds, and the share of rounds that speculated.
    fn play(alpha: f64, ms: impl Fn(usize) -> f64, tokens: usize, seed: u64) -> (f64, f64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut controller = Controller::default();
        controller.restart(Gamma::Auto);
        let (mut generated, mut total, mut rounds, mut speculative) = (0, 0.0, 0, 0);
        while generated < tokens {
            let gamma = controller.limits(DEFAULTS, 15).draft;
            let accepted = (0..gamma).take_while(|_| random.f64() < alpha).count();
            let tested = gamma.min(accepted + 1);
            let source = if gamma == 0 { Source::Plain } else { Source::Draft };
            let noise = 0.95 + 0.1 * random.f64();
            controller.observe(source, gamma, tested, accepted, ms(gamma) * noise);
            total += ms(gamma);
            generated += accepted + 1;
            rounds += 1;
            speculative += usize::from(gamma > 0);
        }
        (total / generated as f64, f64::from(speculative as u32) / f64::from(rounds))
    }

    #[test]
    fn a_useless_draft_costs_at_most_three_per_cent() {
        // From a draft that is almost free to one that makes a round three and a half times as long.
        for (per_token, fixed) in [(0.02, 0.1), (0.1, 0.3), (0.5, 0.3), (0.5, 0.9)] {
            for seed in 0..50 {
                let ms =
                    |gamma| if gamma == 0 { 10.0 } else { 10.0 * (1.0 + fixed + per_token * gamma as f64) };
                let (mean, _) = play(0.0, ms, 256, seed);
                assert!(mean < 10.3, "{per_token} {fixed}, seed {seed}: {mean} ms a token");
            }
        }
    }

    #[test]
    fn a_good_draft_is_used_at_about_its_best_length() {
        let ms = |gamma: usize| 10.0 * (1.0 + 0.1 * gamma as f64 + 0.03 * gamma as f64);
        for alpha in [0.6f64, 0.8, 0.9] {
            let tokens = |gamma: usize| (1.0 - alpha.powi(gamma as i32 + 1)) / (1.0 - alpha);
            let best = (0..16).map(|g| ms(g) / tokens(g)).fold(f64::INFINITY, f64::min);
            let (mean, share) = play(alpha, ms, 4000, 7);
            assert!(mean < 1.08 * best, "alpha {alpha}: {mean} ms a token, {best} possible");
            assert!(share > 0.9, "alpha {alpha}: speculated in {share} of the rounds");
        }
    }

    #[test]
    fn a_pause_ends_when_the_draft_gets_better() {
        let mut controller = Controller::default();
        controller.restart(Gamma::Auto);
        let mut round = |accepts: bool| {
            let gamma = controller.limits(DEFAULTS, 15).draft;
            let accepted = if accepts { gamma } else { 0 };
            let source = if gamma == 0 { Source::Plain } else { Source::Draft };
            controller.observe(source, gamma, gamma.min(accepted + 1), accepted, 10.0 + gamma as f64);
            (gamma, controller.paused())
        };
        let bad: Vec<_> = (0..300).map(|_| round(false)).collect();
        assert!(bad[250..].iter().any(|(gamma, paused)| *gamma == 0 && paused.is_some_and(|p| p < 1.0)));
        let good: Vec<_> = (0..600).map(|_| round(true)).collect();
        assert!(good[500..].iter().filter(|(gamma, _)| *gamma > 0).count() > 90);
    }

    #[test]
    fn rounds_in_flight_cover_the_latency() {
        let mut controller = Controller::default();
        assert_eq!((controller.depth(0.3, 8), controller.depth(100.0, 1)), (2, 1));
        for _ in 0..20 {
            controller.observe(Source::Plain, 0, 0, 0, 20.0);
        }
        assert_eq!(
            (controller.depth(0.3, 8), controller.depth(100.0, 8), controller.depth(900.0, 8)),
            (2, 6, 8)
        );
    }
}
