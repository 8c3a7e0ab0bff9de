//! The draw that collecting and evaluation share.

/// An id drawn in proportion to `weights`, whose sum is `total`; `None` where rounding leaves none.
pub(super) fn draw(weights: &[f32], total: f64, random: &mut fastrand::Rng) -> Option<u32> {
    let mut left = random.f64() * total;
    let hit = weights.iter().position(|weight| {
        left -= f64::from(*weight);
        left < 0.0
    });
    hit.map(|id| id as u32)
}
