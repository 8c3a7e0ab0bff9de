//! TVD++ (Direct Alignment, arXiv 2403.00858): TVD is a policy gradient with the reward `r = 1[p > q]`; TVD++ normalises
//! that reward to `(r - mu) / sigma`.
//!
//! The value is a surrogate: only its gradient means something. With the exact expectation over `q` the mean `mu` changes
//! nothing, and the global scope is TVD's gradient over `sigma`.

use burn::tensor::Tensor;

use super::rows::sum;
use super::{Divergence, Rows};

/// The least standard deviation that a reward is divided by.
const LEAST_SIGMA: f32 = 0.05;

/// What the reward's mean and deviation are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All rows of the batch.
    Global,
    /// Each row alone.
    PerPosition,
    /// All rows, and each row is one token sampled from the draft.
    Sampled,
}

/// Total variation with a normalised reward.
#[derive(Debug)]
pub struct TvdPp {
    /// What is normalised over.
    pub scope: Scope,
}

impl Divergence for TvdPp {
    fn loss(&self, rows: &Rows) -> Tensor<1> {
        let (q, reward) = (rows.q().detach(), rows.reward());
        match self.scope {
            Scope::Global => {
                let mean = sum(q.clone() * reward.clone()).mean();
                let sigma = deviation(mean.clone());
                let advantage = (reward - mean.unsqueeze()) / sigma.unsqueeze();
                sum(q * advantage * rows.log_q.clone()).neg()
            }
            Scope::PerPosition => {
                let mean = (q.clone() * reward.clone()).sum_dim(1);
                let advantage = (reward - mean.clone()) / deviation(mean);
                sum(q * advantage * rows.log_q.clone()).neg()
            }
            Scope::Sampled => {
                let drawn = q.categorical(1);
                let reward = reward.gather(1, drawn.clone());
                let mean = reward.clone().mean();
                let advantage = (reward - mean.clone().unsqueeze()) / deviation(mean).unsqueeze();
                sum(advantage * rows.log_q.clone().gather(1, drawn)).neg()
            }
        }
    }
}

/// The standard deviation of a 0/1 reward of mean `mean`.
fn deviation<const D: usize>(mean: Tensor<D>) -> Tensor<D> {
    let variance = mean.clone() * (mean.neg() + 1.0);
    variance.clamp_min(0.0).sqrt().clamp_min(LEAST_SIGMA)
}
