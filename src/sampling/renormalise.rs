//! renormalise: a row that sums to exactly [`ONE`].

use super::ONE;

/// `P_i = floor(P0_i * 2^31 / W)` where `P0_i >= t`, else 0; `W` is the sum of the `P0_i` that are kept. What flooring
/// leaves over goes to the largest `P0_i`, of equal ones to the lowest id, so that `out` sums to exactly [`ONE`].
///
/// The sum matters: block verification is without loss only for rows that have it. Where nothing is kept, everything
/// is at the largest.
pub fn renormalise(p0: &[u32], t: u32, out: &mut [u32]) {
    let kept = |value: u32| if value >= t { u64::from(value) } else { 0 };
    let total: u64 = p0.iter().map(|&value| kept(value)).sum();
    let mut left = u64::from(ONE);
    let mut best = 0;
    for (i, (&value, out)) in p0.iter().zip(out.iter_mut()).enumerate() {
        let share = (kept(value) * u64::from(ONE)).checked_div(total).unwrap_or(0);
        *out = share as u32;
        left -= share;
        if value > p0[best] {
            best = i;
        }
    }
    if let Some(out) = out.get_mut(best) {
        *out += left as u32;
    }
}
