//! Greedy verification (arXiv 2211.17192 at temperature 0): accept while `x_i = argmax p_i`, then emit `argmax p_i`.

use super::{Block, Verdict, Verifier};
use crate::sampling::argmax;

/// Keeps the proposal as long as it is what the target would have said itself.
#[derive(Debug, Default)]
pub struct Greedy;

impl Verifier for Greedy {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Rows;

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
}
