//! threshold: top-k, top-p and min-p as one number.

use super::{ONE, Sampling};

/// A share as an integer: `round(share * 2^31)`.
pub fn fixed(share: f32) -> u32 {
    (f64::from(share) * f64::from(ONE)).round() as u32
}

/// The `t` for which the tokens with `P0_i >= t` are what every rule keeps: the largest of 1 and of these, each left
/// out where its rule is off. In integers throughout:
/// - top-k: the k-th largest value;
/// - top-p: with `mass` what top-k keeps, the largest `t` for which the tokens with `P0_i >= t` have at least
///   `ceil(mass * fixed(top_p) / 2^31)`, and at least 1 (so that something is kept);
/// - min-p: `ceil(max * fixed(min_p) / 2^31)`.
///
/// Tokens that tie with the last one that is needed are all kept: which of them came first is not the model's choice.
pub fn threshold(p0: &[u32], sampling: &Sampling) -> u32 {
    if !sampling.truncates() {
        return 1;
    }
    let mut values: Vec<u32> = p0.iter().copied().filter(|&value| value > 0).collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    let Some(&largest) = values.first() else { return 1 };

    let top_k = match sampling.top_k as usize {
        0 => 1,
        k => values.get(k - 1).copied().unwrap_or(1),
    };
    let top_p = top_p(&values[..values.partition_point(|&value| value >= top_k)], sampling.top_p);
    let min_p = scaled(largest.into(), sampling.min_p) as u32;
    top_k.max(top_p).max(min_p).max(1)
}

/// `kept` is sorted, the largest first.
fn top_p(kept: &[u32], share: f32) -> u32 {
    if fixed(share) >= ONE {
        return 1;
    }
    let mass: u64 = kept.iter().map(|&value| u64::from(value)).sum();
    let needed = scaled(mass, share).max(1);
    let mut sum = 0;
    let reached = kept.iter().find(|&&value| {
        sum += u64::from(value);
        sum >= needed
    });
    reached.copied().unwrap_or(1)
}

/// `ceil(value * fixed(share) / 2^31)`. `value` is a mass, below 2^33: no overflow needs fear.
fn scaled(value: u64, share: f32) -> u64 {
    (u128::from(value) * u128::from(fixed(share))).div_ceil(u128::from(ONE)) as u64
}
