//! pick: from weights and a random word to an index.

use super::ONE;

/// The smallest `i` with `w_0 + .. + w_i > (r * total) >> 32`, where `total` is the sum of all `len` weights: for a
/// uniform `r` index `i` comes with probability `w_i / total`, to within 2^-32. Never one whose weight is 0.
pub fn pick(weights: impl Fn(usize) -> u64, len: usize, total: u64, r: u32) -> usize {
    let target = ((u128::from(r) * u128::from(total)) >> 32) as u64;
    let mut sum = 0;
    let found = (0..len).find(|&i| {
        sum += weights(i);
        sum > target
    });
    debug_assert!(found.is_some(), "{total} is not the sum of the weights");
    found.unwrap_or(0)
}

/// A token from a row that sums to [`ONE`].
pub fn draw(row: &[u32], r: u32) -> u32 {
    pick(|i| row[i].into(), row.len(), ONE.into(), r) as u32
}

/// `sum_x min(P(x), Q(x))` in units of 2^-31: the probability that token-wise verification keeps a token drafted from
/// `q`, and 1 - TV(p, q). Its mean over positions of the target's own text is `alpha_TF` (`docs/algorithms.md`).
///
/// `q` may be shorter: a draft with a reduced vocabulary.
pub fn overlap(p: &[u32], q: &[u32]) -> u32 {
    p.iter().zip(q).map(|(p, q)| p.min(q)).sum()
}
