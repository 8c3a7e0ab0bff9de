//! Bootstrap intervals over prompts.

/// A value with the interval that holds 95 of 100 resampled ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The value.
    pub value: f64,
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// Resamples that are drawn.
const RESAMPLES: usize = 1000;

/// The value of `statistic` on all of `count` prompts, and on resamples of them (indices, with repetitions). The same
/// `seed` draws the same resamples, so statistics that are compared see the same prompts.
pub fn interval(count: usize, seed: u64, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    let all: Vec<usize> = (0..count).collect();
    let value = statistic(&all);
    if count < 2 {
        return Interval { value, low: value, high: value };
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut resample = vec![0; count];
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            resample.iter_mut().for_each(|i| *i = random.usize(..count));
            statistic(&resample)
        })
        .filter(|value| !value.is_nan())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * values.len() as f64) as usize;
        values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(value)
    };
    Interval { value, low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors() {
        let mut random = fastrand::Rng::with_seed(1);
        let values: Vec<f64> = (0..400).map(|_| random.f64()).collect();
        let mean = |of: &[usize]| of.iter().map(|i| values[*i]).sum::<f64>() / of.len() as f64;
        let got = interval(values.len(), 7, mean);
        // A uniform number has the deviation sqrt(1 / 12).
        let error = 1.96 * (1.0f64 / 12.0 / 400.0).sqrt();
        assert!((got.high - got.value - error).abs() < 0.2 * error, "{got:?}");
        assert!((got.value - got.low - error).abs() < 0.2 * error, "{got:?}");
    }
}
