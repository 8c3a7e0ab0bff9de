//! Greedy verification (ALGORITHMS 1.1 at temperature 0): accept while `x_i = argmax p_i`, then emit `argmax p_i`.

use super::{Block, Verdict, Verifier};

/// Keeps the proposal as long as it is what the target would have said itself.
#[derive(Debug, Default)]
pub struct Greedy;

impl Verifier for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn verify(&mut self, block: Block<'_>) -> Verdict {
        for (accepted, &proposed) in block.proposal.iter().enumerate() {
            let next = argmax(block.target.row(accepted));
            if next != proposed {
                return Verdict { accepted, next };
            }
        }
        let accepted = block.proposal.len();
        Verdict { accepted, next: argmax(block.target.row(accepted)) }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::verifier::Rows;

    /// Logits of a row whose largest is at `id`.
    fn peak(id: usize) -> Vec<f32> {
        (0..8).map(|i| if i == id { 1.0 } else { -1.0 }).collect()
    }

    fn verify(proposal: &[u32], peaks: &[usize]) -> Verdict {
        let rows: Vec<f32> = peaks.iter().flat_map(|&id| peak(id)).collect();
        Greedy.verify(Block::new(proposal, Rows::new(&rows, 8)))
    }

    #[test]
    fn accepts_the_longest_prefix_that_the_target_would_have_said() {
        assert_eq!(verify(&[], &[5]), Verdict { accepted: 0, next: 5 });
        assert_eq!(verify(&[5, 6], &[5, 6, 7]), Verdict { accepted: 2, next: 7 });
        assert_eq!(verify(&[5, 6], &[5, 1, 7]), Verdict { accepted: 1, next: 1 });
        assert_eq!(verify(&[5, 6], &[4, 6, 7]), Verdict { accepted: 0, next: 4 });
    }

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
        }
    }
}
