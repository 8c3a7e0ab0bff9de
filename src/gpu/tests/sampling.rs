//! The sampler's kernels: decisions against the host, bit for bit, and the law of what they say.

use super::device;
use crate::decode::replay::replay;

#[test]
fn ten_thousand_rounds_are_decided_as_on_the_host() {
    let replayed = pollster::block_on(replay(&device(), 10_000, 0x0123_4567_89ab_cdef)).unwrap();
    assert_eq!(replayed.rounds, 10_000);
    assert!(replayed.accepted > 5_000 && replayed.decisions > 30_000, "{replayed:?}");
}
