//! argmax: the most likely token, and those behind it.

/// The id of the largest logit; of equal ones the lowest id, as on the GPU. NaN is smaller than everything; 0 where
/// there is nothing else.
pub fn argmax(logits: &[f32]) -> u32 {
    // Two passes, so that the first one vectorizes: `f32::max` ignores NaN.
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = logits.chunks_exact(lanes.len());
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for chunk in chunks {
        for (lane, &logit) in lanes.iter_mut().zip(chunk) {
            *lane = if logit > *lane { logit } else { *lane };
        }
    }
    let largest = lanes.into_iter().fold(rest, f32::max);
    logits.iter().position(|&logit| logit == largest).unwrap_or(0) as u32
}

/// The ids of the `count` largest logits, the largest first, in the order of [`argmax`]; fewer where there are fewer.
pub fn most_likely(logits: &[f32], count: usize) -> Vec<u32> {
    if count == 1 && !logits.is_empty() {
        return vec![argmax(logits)];
    }
    let more = |a: f32, b: f32| a > b || (b.is_nan() && !a.is_nan());
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
    for (id, &logit) in logits.iter().enumerate() {
        if best.len() < count || best.last().is_some_and(|last| more(logit, last.0)) {
            let place = best.iter().rposition(|other| !more(logit, other.0)).map_or(0, |before| before + 1);
            best.insert(place, (logit, id as u32));
            best.truncate(count);
        }
    }
    best.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lowest_id() {
        let mut logits = vec![0.0; 100];
        assert_eq!(argmax(&logits), 0);
        for (tied, first) in [([99, 37], 37), ([16, 15], 15), ([98, 99], 98), ([0, 64], 0)] {
            logits.fill(-0.0);
            tied.iter().for_each(|&i| logits[i] = 3.0);
            assert_eq!(argmax(&logits), first);
        }
    }

    #[test]
    fn nan_and_infinities_do_not_mislead() {
        assert_eq!(argmax(&[f32::NAN, 1.0, f32::NAN, 2.0]), 3);
        assert_eq!(argmax(&[f32::NAN; 40]), 0);
        assert_eq!(argmax(&[f32::NEG_INFINITY; 40]), 0);
        assert_eq!(argmax(&[0.0, f32::INFINITY, f32::INFINITY]), 1);
        assert_eq!(argmax(&[]), 0);
        let all_but_one: Vec<f32> = (0..33).map(|i| if i == 20 { -5.0 } else { f32::NAN }).collect();
        assert_eq!(argmax(&all_but_one), 20);
    }

    #[test]
    fn is_the_plain_loop() {
        let mut random = fastrand::Rng::with_seed(1);
        for length in 1..80 {
            let logits: Vec<f32> = (0..length).map(|_| random.u8(0..9).into()).collect();
            let mut plain = 0;
            for (i, &logit) in logits.iter().enumerate() {
                if logit > logits[plain] {
                    plain = i;
                }
            }
            assert_eq!(argmax(&logits), plain as u32);

            let mut order: Vec<u32> = (0..length).collect();
            order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)));
            for count in [0, 1, 4, 100] {
                assert_eq!(most_likely(&logits, count), order[..count.min(logits.len())]);
            }
        }
        assert_eq!(most_likely(&[f32::NAN, f32::NEG_INFINITY, f32::NAN, 1.0], 3), [3, 1, 0]);
    }
}
