//! How many rounds to keep in flight.

/// A result may come so many times later than it usually does. On an H200 under Chromium a read-back took 1.9 ms beside rounds
/// of 3.3 ms: two rounds in flight would do if it always did, and were 1.5 times as fast as one; four were 1.7 times.
const LATE: f64 = 4.0;
/// How long a round is thought to take before one was measured.
const UNKNOWN: f64 = 3.0;
/// What the ring has room for.
const LEAST: usize = 2;
const MOST: usize = 8;

/// Rounds of `round_ms` to keep in flight, of `most` that are possible, so that the device never waits for a host that knows
/// of a result after `latency_ms`.
///
/// `round_ms` is `None` before the first was measured.
pub(super) fn rounds(latency_ms: f64, round_ms: Option<f64>, most: usize) -> usize {
    let round_ms = round_ms.unwrap_or(UNKNOWN);
    let covered = (LATE * latency_ms / round_ms.max(1e-3)).ceil() as usize;
    covered.saturating_add(1).clamp(LEAST, MOST).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_in_flight_cover_the_latency() {
        assert_eq!(rounds(0.3, Some(20.0), 8), 2);
        assert_eq!(rounds(1.9, Some(3.3), 8), 4);
        assert_eq!(rounds(100.0, Some(20.0), 8), 8);
        assert_eq!(rounds(100.0, Some(20.0), 1), 1);
        assert_eq!((rounds(0.0, None, 8), rounds(1.9, None, 8)), (2, 4));
    }
}
