//! The controller alone, with rounds that cost what a function says. On whole machines: `tests/simulated.rs`.

use super::*;

/// A moment of an engine that has one round in flight and a draft.
const MOMENT: Moment =
    Moment { behind: 0, depth: 1, room: 15, found: 0, on_host: true, draft: true, latency: 0.0 };

fn restarted() -> Controller {
    let mut controller = Controller::default();
    controller.restart(true, true);
    controller
}

/// Does what the controller chooses at `moment`, where proposed tokens are accepted as long as `accepts` says so: the source,
/// the length, and the tokens committed.
fn round(
    controller: &mut Controller,
    moment: &Moment,
    ms: impl Fn(Source, usize) -> f64,
    mut accepts: impl FnMut() -> bool,
) -> (Source, usize, usize) {
    let Choice::Propose(source, length) = controller.choose(moment) else { panic!("nothing is in flight") };
    controller.begin(source, length);
    let accepted = (0..length).take_while(|_| accepts()).count();
    let tested = length.min(accepted + 1);
    let kept: Vec<f64> = (0..tested).map(|i| f64::from(u8::from(i < accepted))).collect();
    let sample = Sample { source, length, interval: ms(source, length), work: 0.0, alone: false };
    controller.observe(sample, accepted + 1, &kept, moment.latency);
    (source, length, accepted + 1)
}

/// Plays a generation of `tokens` tokens with rounds of `ms(gamma)` and an acceptance rate of `alpha`: milliseconds a
/// token, and the share of rounds that speculated.
fn play(alpha: f64, ms: impl Fn(usize) -> f64, tokens: usize, seed: u64) -> (f64, f64) {
    let random = std::cell::RefCell::new(fastrand::Rng::with_seed(seed));
    let mut controller = restarted();
    let (mut generated, mut total, mut rounds, mut speculative) = (0, 0.0, 0, 0);
    while generated < tokens {
        let noisy = |_, gamma| ms(gamma) * (0.95 + 0.1 * random.borrow_mut().f64());
        let (source, gamma, came) =
            round(&mut controller, &MOMENT, noisy, || random.borrow_mut().f64() < alpha);
        total += ms(gamma);
        generated += came;
        rounds += 1;
        speculative += usize::from(source != Source::Plain);
    }
    (total / generated as f64, f64::from(speculative as u32) / f64::from(rounds))
}

#[test]
fn a_useless_draft_costs_at_most_three_per_cent() {
    // From a draft that is almost free to one that makes a round three and a half times as long.
    for (per_token, fixed) in [(0.02, 0.1), (0.1, 0.3), (0.5, 0.3), (0.5, 0.9)] {
        for seed in 0..50 {
            let ms = |gamma| if gamma == 0 { 10.0 } else { 10.0 * (1.0 + fixed + per_token * gamma as f64) };
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
    let mut controller = restarted();
    let mut play = |accepts: bool| {
        let (_, gamma, _) = round(&mut controller, &MOMENT, |_, gamma| 10.0 + gamma as f64, || accepts);
        (gamma, controller.plan().draft.expect("there is a draft").paused)
    };
    let bad: Vec<_> = (0..300).map(|_| play(false)).collect();
    assert!(bad[250..].iter().any(|(gamma, paused)| *gamma == 0 && paused.is_some()));
    let good: Vec<_> = (0..600).map(|_| play(true)).collect();
    assert!(good[500..].iter().filter(|(gamma, _)| *gamma > 0).count() > 90);
}

#[test]
fn a_lookup_is_known_without_being_used_and_its_wait_counts() {
    let mut controller = restarted();
    let ms = |_: Source, gamma: usize| 10.0 + gamma as f64;
    let plain = Moment { draft: false, ..MOMENT };
    for _ in 0..40 {
        round(&mut controller, &plain, ms, || false);
        controller.compare(&[1, 2, 3, 4, 5, 6], &[1]);
        controller.compare(&[1, 2], &[3]);
    }
    let mut choice = |found, behind, latency| {
        let depth = if latency > 0.0 { 4 } else { 1 };
        controller.choose(&Moment { found, behind, depth, latency, ..plain })
    };
    assert!(matches!(choice(6, 0, 0.0), Choice::Propose(Source::Lookup, 5..)));
    assert_eq!(choice(2, 0, 0.0), PLAIN, "matches of two were always wrong");
    // Rounds are in flight: what was found is waited for where the device's waiting does not cost more.
    assert_eq!(choice(6, 3, 2.0), Choice::Wait);
    assert_eq!(choice(6, 3, 100.0), PLAIN);
    assert_eq!(controller.plan().lookup.map(|plan| plan.paused), Some(Some(Paused::Promise)));
}

#[test]
fn nothing_is_paused_where_nobody_drafts() {
    let mut controller = Controller::default();
    controller.restart(false, false);
    let alone = Moment { draft: false, ..MOMENT };
    for _ in 0..20 {
        assert_eq!(round(&mut controller, &alone, |_, _| 10.0, || true).0, Source::Plain);
    }
    let plan = controller.plan();
    assert_eq!((plan.lookup, plan.draft, plan.plain.paused, plan.plain.rounds), (None, None, None, 20));
}

#[test]
fn rounds_that_are_too_short_for_the_clock_leave_sound_costs() {
    let mut controller = restarted();
    for _ in 0..2 {
        for _ in 0..20 {
            round(&mut controller, &MOMENT, |_, _| 0.0, || true);
        }
        controller.restart(true, true);
    }
    // The device tells of its work now and then.
    for work in [0.03, 0.0, 0.07] {
        let sample = Sample { source: Source::Plain, length: 0, interval: 0.1, work, alone: false };
        controller.observe(sample, 1, &[], 0.0);
    }
    assert!(controller.costs.is_sound());
}

#[test]
fn knowledge_survives_as_text_and_nonsense_is_refused() {
    let mut before = restarted();
    let ms = |_: Source, gamma: usize| 10.0 + gamma as f64;
    for _ in 0..100 {
        round(&mut before, &MOMENT, ms, || true);
    }
    let text = serde_json::to_string(&before.knowledge()).unwrap();
    let mut after = restarted();
    after.recall(&serde_json::from_str(&text).unwrap());
    after.restart(true, true);
    let first = after.choose(&MOMENT);
    assert!(matches!(first, Choice::Propose(Source::Draft, 3..)), "{first:?}");

    let mut nonsense = restarted();
    let text = text.replacen("\"count\":", "\"count\":-", 1);
    nonsense.recall(&serde_json::from_str(&text).unwrap());
    assert_eq!(nonsense.choose(&MOMENT), PLAIN);
}
