//! Every stage against its definition, written the slow way.

use proptest::prelude::*;

use super::Error;
use super::*;

/// Rows that kernels meet: of any spread, with ties, sometimes with what should not be there.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![
        8 => -20.0_f32..20.0,
        4 => (-3_i8..4).prop_map(f32::from),
        1 => Just(f32::NEG_INFINITY),
        1 => Just(f32::NAN),
    ];
    proptest::collection::vec(logit, 1..60)
}

fn settings() -> impl Strategy<Value = Sampling> {
    let share = || prop_oneof![Just(0.0_f32), Just(1.0), 0.0_f32..1.0];
    (0.1_f32..3.0, 0_u32..70, share(), share()).prop_map(|(temperature, top_k, top_p, min_p)| Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        ..Sampling::default()
    })
}

/// [`threshold()`] by trying every value.
fn slow_threshold(p0: &[u32], sampling: &Sampling) -> u32 {
    let largest = p0.iter().copied().max().unwrap_or(0);
    let at_least = |t: u32| p0.iter().copied().filter(move |&value| value >= t);
    let mass = |t| at_least(t).map(u64::from).sum::<u64>();
    let the_largest = |holds: &dyn Fn(u32) -> bool| (1..=largest).rev().find(|&t| holds(t)).unwrap_or(1);

    let k = sampling.top_k as usize;
    let top_k = if k == 0 { 1 } else { the_largest(&|t| at_least(t).count() >= k) };
    let enough = u128::from(mass(top_k)) * u128::from(fixed(sampling.top_p));
    let top_p = the_largest(&|t| u128::from(mass(t.max(top_k))) << 31 >= enough);
    let least = u128::from(largest) * u128::from(fixed(sampling.min_p));
    let min_p = the_largest(&|t| p0.iter().all(|&v| v >= t || u128::from(v) << 31 < least));
    top_k.max(top_p).max(min_p)
}

proptest! {
    #[test]
    fn thresholds_keep_what_the_rules_keep(
        p0 in proptest::collection::vec(prop_oneof![0_u32..12, 0_u32..1000], 1..40),
        sampling in settings(),
    ) {
        let (fast, slow) = (threshold(&p0, &sampling), slow_threshold(&p0, &sampling));
        let kept = |t: u32| p0.iter().map(|&value| value >= t).collect::<Vec<_>>();
        prop_assert_eq!(kept(fast), kept(slow), "{} and {}", fast, slow);
        prop_assert!(fast >= 1);
        prop_assert!(p0.iter().all(|&value| value == 0) || kept(fast).contains(&true));
    }

    #[test]
    fn rows_sum_to_one_and_keep_the_order(logits in logits(), sampling in settings()) {
        let mut row = vec![7; logits.len()];
        probabilities(&logits, &sampling, &mut row);
        prop_assert_eq!(row.iter().map(|&p| u64::from(p)).sum::<u64>(), u64::from(ONE));
        let best = argmax(&logits) as usize;
        for (&logit, &p) in logits.iter().zip(&row) {
            prop_assert!(p <= row[best] || logits.iter().all(|l| !l.is_finite()));
            prop_assert!(p == 0 || logit.is_finite() || logits.iter().all(|l| !l.is_finite()));
        }
        if !sampling.truncates() {
            let sum: f64 = logits.iter().filter(|l| !l.is_nan())
                .map(|l| (f64::from(l - logits[best]) / f64::from(sampling.temperature)).exp()).sum();
            for (&logit, &p) in logits.iter().zip(&row).filter(|(l, _)| l.is_finite()) {
                let exact = (f64::from(logit - logits[best]) / f64::from(sampling.temperature)).exp() / sum;
                prop_assert!((f64::from(p) / f64::from(ONE) - exact).abs() < 60.0 / f64::from(ONE));
            }
        }
    }

    #[test]
    fn adjusting_is_the_plain_loop(
        logits in proptest::collection::vec(-5.0_f32..5.0, 1..20),
        history in proptest::collection::vec(0_u32..25, 0..40),
        (repeat_penalty, presence_penalty, frequency_penalty) in (0.5_f32..2.0, -1.0_f32..1.0, -1.0_f32..1.0),
        penalty_window in 0_u32..50,
        logit_bias in proptest::collection::vec((0_u32..25, -3.0_f32..3.0), 0..4),
    ) {
        let sampling = Sampling {
            repeat_penalty, presence_penalty, frequency_penalty, penalty_window, logit_bias, ..Sampling::default()
        };
        let mut adjusted = logits.clone();
        adjust(&mut adjusted, &history, &sampling);
        for (id, (&before, &after)) in logits.iter().zip(&adjusted).enumerate() {
            let mut logit = before;
            for &(_, bias) in sampling.logit_bias.iter().filter(|(other, _)| *other as usize == id) {
                logit += bias;
            }
            let window = history.iter().rev().take(penalty_window as usize);
            let count = window.filter(|&&other| other as usize == id).count();
            if count > 0 {
                logit = if logit > 0.0 { logit / repeat_penalty } else { logit * repeat_penalty };
                logit -= count as f32 * frequency_penalty + presence_penalty;
            }
            prop_assert_eq!(logit, after);
        }
    }

    #[test]
    fn picking_is_counting_up(weights in proptest::collection::vec(0_u64..9, 1..20), r in any::<u32>()) {
        let total: u64 = weights.iter().sum();
        prop_assume!(total > 0);
        let spread: Vec<usize> =
            weights.iter().enumerate().flat_map(|(i, &w)| std::iter::repeat_n(i, w as usize)).collect();
        let at = (u64::from(r) * total) >> 32;
        prop_assert_eq!(pick(|i| weights[i], weights.len(), total, r), spread[at as usize]);
    }

    #[test]
    fn overlap_is_what_total_variation_leaves(a in logits(), b in logits(), sampling in settings()) {
        let length = a.len().min(b.len());
        let row = |logits: &[f32]| {
            let mut row = vec![0; length];
            probabilities(&logits[..length], &sampling, &mut row);
            row
        };
        let (p, q) = (row(&a), row(&b));
        let apart: u64 = p.iter().zip(&q).map(|(&p, &q)| u64::from(p.abs_diff(q))).sum();
        prop_assert_eq!(u64::from(overlap(&p, &q)) * 2 + apart, 2 * u64::from(ONE));
        prop_assert_eq!(overlap(&p, &p), ONE);
    }
}

#[test]
fn all_of_a_large_total_can_be_picked() {
    let weights = [1 << 61, 0, 1 << 61];
    for (r, wanted) in [(0, 0), (u32::MAX / 2, 0), (u32::MAX / 2 + 1, 2), (u32::MAX, 2)] {
        assert_eq!(pick(|i| weights[i], 3, 1 << 62, r), wanted);
    }
    let row = [0, ONE, 0];
    assert_eq!((draw(&row, 0), draw(&row, u32::MAX)), (1, 1));
}

/// Logits, and which of them share everything.
#[test]
fn infinities_and_nan_in_logits() {
    const INF: f32 = f32::INFINITY;
    let cases: [(&[f32], &[usize]); 7] = [
        (&[f32::NAN, f32::NAN, f32::NAN], &[0]),
        (&[f32::NAN, -INF, -INF], &[0]),
        (&[3.0, INF, f32::NAN, INF], &[1, 3]),
        (&[-INF, 1.0, f32::NAN], &[1]),
        (&[f32::MAX, f32::MIN], &[0]),
        (&[0.0, 0.0, 0.0, 0.0], &[0, 1, 2, 3]),
        (&[-7.0], &[0]),
    ];
    for (logits, sharing) in cases {
        let mut row = vec![7; logits.len()];
        integers(logits, 0.001, &mut row);
        let share = ONE / sharing.len() as u32;
        for (i, &p) in row.iter().enumerate() {
            assert_eq!(p, if sharing.contains(&i) { share } else { 0 }, "{logits:?}, id {i}");
        }
    }
    integers(&[], 1.0, &mut []);
}

#[test]
fn temperature_0_is_greedy() {
    let mut row = [0; 5];
    probabilities(&[1.0, 4.0, f32::NAN, 4.0, 0.0], &Sampling::default(), &mut row);
    assert_eq!(row, [0, ONE, 0, 0, 0]);
}

#[test]
fn ties_at_the_threshold_are_kept() {
    let p0 = [10, 30, 20, 20, 20, 0];
    let kept = |sampling: Sampling| threshold(&p0, &sampling);
    assert_eq!(kept(Sampling { top_k: 2, ..Sampling::default() }), 20);
    assert_eq!(kept(Sampling { top_k: 1, ..Sampling::default() }), 30);
    assert_eq!(kept(Sampling { top_k: 6, ..Sampling::default() }), 1);
    assert_eq!(kept(Sampling { top_p: 0.25, ..Sampling::default() }), 30);
    assert_eq!(kept(Sampling { top_p: 0.31, ..Sampling::default() }), 20);
    assert_eq!(kept(Sampling { top_p: 0.0, ..Sampling::default() }), 30);
    assert_eq!(kept(Sampling { min_p: 0.5, ..Sampling::default() }), 15);
    // Of what top-k leaves, 30 and three 20s, a third is 30.
    assert_eq!(kept(Sampling { top_k: 4, top_p: 0.333, ..Sampling::default() }), 30);
    assert_eq!(kept(Sampling { top_k: 4, top_p: 0.334, ..Sampling::default() }), 20);
    assert_eq!(kept(Sampling::default()), 1);
}

#[test]
fn what_flooring_leaves_goes_to_the_first_of_the_largest() {
    let mut row = [0; 4];
    renormalise(&[3, 7, 7, 2], 3, &mut row);
    let floor = |p0: u64| (p0 * u64::from(ONE) / 17) as u32;
    assert_eq!(row, [floor(3), ONE - floor(3) - floor(7), floor(7), 0]);
    renormalise(&[0, 0, 0, 0], 1, &mut row);
    assert_eq!(row, [ONE, 0, 0, 0]);
}

/// The bound of `docs/algorithms.md` on what rounding to integers costs.
#[test]
fn integers_of_a_large_vocabulary_are_close() {
    let mut random = fastrand::Rng::with_seed(9);
    let logits: Vec<f32> = (0..49_152).map(|_| random.f32() * 12.0).collect();
    let sampling = Sampling { temperature: 0.8, ..Sampling::default() };
    let mut row = vec![0; logits.len()];
    probabilities(&logits, &sampling, &mut row);
    let weights: Vec<f64> = logits.iter().map(|&l| (f64::from(l) / f64::from(0.8_f32)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let apart: f64 =
        row.iter().zip(weights).map(|(&p, w)| (f64::from(p) / f64::from(ONE) - w / sum).abs()).sum();
    assert!(apart / 2.0 < 1.1e-5, "TV {:e}", apart / 2.0);
    assert_eq!(row.iter().sum::<u32>(), ONE);
}

#[test]
fn settings_are_checked() {
    let sampling =
        Sampling { temperature: 0.7, top_p: 0.9, logit_bias: vec![(3, -100.0)], ..Sampling::default() };
    assert!(sampling.validate(4).is_ok() && Sampling::default().validate(1).is_ok());
    let refused = |change: &dyn Fn(&mut Sampling)| {
        let mut sampling = sampling.clone();
        change(&mut sampling);
        sampling.validate(4).expect_err("must be refused")
    };
    for bad in [f32::NAN, -1.0, f32::INFINITY, 2000.0] {
        for (name, error) in [
            ("temperature", refused(&|s| s.temperature = bad)),
            ("top_p", refused(&|s| s.top_p = bad)),
            ("min_p", refused(&|s| s.min_p = bad)),
            ("repeat_penalty", refused(&|s| s.repeat_penalty = bad)),
        ] {
            assert!(matches!(error, Error::Range { parameter, .. } if parameter == name), "{error}");
            assert!(error.to_string().contains("must be"), "{error}");
        }
    }
    assert_eq!(refused(&|s| s.repeat_penalty = 0.0).code(), "sampling-range");
    assert_eq!(refused(&|s| s.presence_penalty = f32::NAN).code(), "sampling-range");
    assert_eq!(refused(&|s| s.frequency_penalty = f32::INFINITY).code(), "sampling-range");
    assert_eq!(refused(&|s| s.penalty_window = 257).code(), "sampling-range");
    assert_eq!(refused(&|s| s.logit_bias[0].1 = f32::NAN).code(), "sampling-range");
    assert!(matches!(refused(&|s| s.logit_bias[0].0 = 4), Error::BiasRange { id: 4, vocab: 4 }));
    assert!(matches!(refused(&|s| s.logit_bias.push((3, 1.0))), Error::BiasTwice { id: 3 }));
    let error = refused(&|s| s.logit_bias = vec![(0, 0.0); 257]);
    assert!(matches!(error, Error::TooManyBiases { entries: 257 }) && error.to_string().contains("256"));
}

#[test]
fn what_is_off_by_default() {
    let sampling: Sampling = serde_json::from_str("{}").unwrap();
    assert_eq!(sampling, Sampling::default());
    assert!(sampling.is_greedy() && !sampling.adjusts() && !sampling.truncates());
    let sampling: Sampling =
        serde_json::from_str(r#"{"temperature": 0.5, "min_p": 0.1, "logit_bias": [[5, -1]], "seed": 7}"#)
            .unwrap();
    assert!(!sampling.is_greedy() && sampling.adjusts() && sampling.truncates());
    assert_eq!((sampling.logit_bias[0], sampling.seed), ((5, -1.0), 7));
    let windowless = Sampling { repeat_penalty: 1.1, penalty_window: 0, ..Sampling::default() };
    assert!(!windowless.adjusts());
}
