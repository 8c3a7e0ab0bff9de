//! Pearson's chi-square test of counts against a law.

use super::Law;

/// Least expected count of a bin; rarer outcomes are put together.
const LEAST_EXPECTED: f64 = 5.0;

/// The probability of counts that are at least this far from `expected` probabilities, if these are the law.
///
/// Outcomes are merged, the rarest first, until each bin expects [`LEAST_EXPECTED`]. 0 where something impossible
/// was counted.
pub fn p_value(counts: &[u64], expected: &[f64]) -> f64 {
    assert_eq!(counts.len(), expected.len());
    let total = counts.iter().sum::<u64>() as f64;
    let mut outcomes: Vec<(f64, f64)> =
        expected.iter().map(|p| p * total).zip(counts.iter().map(|&n| n as f64)).collect();
    if outcomes.iter().any(|&(expected, counted)| expected == 0.0 && counted > 0.0) {
        return 0.0;
    }
    outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bins: Vec<(f64, f64)> = Vec::new();
    for (expected, counted) in outcomes {
        match bins.last_mut() {
            Some(bin) if bin.0 < LEAST_EXPECTED => *bin = (bin.0 + expected, bin.1 + counted),
            _ => bins.push((expected, counted)),
        }
    }
    assert!(bins.len() > 1, "too few counts");
    let statistic = bins.iter().map(|(expected, counted)| (counted - expected).powi(2) / expected).sum();
    tail(bins.len() - 1, statistic)
}

/// [`p_value`] of texts that are said to have this law.
pub fn p_of_texts(law: &Law, texts: impl Iterator<Item = Vec<u32>>) -> f64 {
    let bins: Vec<&Vec<u32>> = law.keys().collect();
    let expected: Vec<f64> = law.values().copied().collect();
    let mut counts = vec![0; bins.len()];
    for text in texts {
        match bins.binary_search(&&text) {
            Ok(bin) => counts[bin] += 1,
            Err(_) => return 0.0,
        }
    }
    p_value(&counts, &expected)
}

/// Probability that a chi-square variable of so many degrees of freedom is larger than `x`.
///
/// By the recurrence `Q(a + 1, y) = Q(a, y) + y^a e^-y / Gamma(a + 1)` from `Q(1, y) = e^-y` or
/// `Q(1/2, y) = erfc(sqrt(y))`.
pub fn tail(degrees: usize, x: f64) -> f64 {
    let y = x / 2.0;
    let (mut sum, mut a, mut term) = if degrees.is_multiple_of(2) {
        ((-y).exp(), 1.0, y * (-y).exp())
    } else {
        // y^(1/2) e^-y / Gamma(3/2)
        (erfc(y.sqrt()), 0.5, 2.0 * (y / std::f64::consts::PI).sqrt() * (-y).exp())
    };
    while 2.0 * a < degrees as f64 {
        sum += term;
        a += 1.0;
        term *= y / a;
    }
    sum
}

/// The complementary error function for `x >= 0`, to about 1e-7 of its value (Numerical Recipes, `erfcc`).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + x / 2.0);
    let coefficients = [
        -1.26551223,
        1.00002368,
        0.37409196,
        0.09678418,
        -0.18628806,
        0.27886807,
        -1.13520398,
        1.48851587,
        -0.82215223,
        0.17087277,
    ];
    let series = coefficients.iter().rev().fold(0.0, |sum, c| sum * t + c);
    t * (series - x * x).exp()
}
