//! Distributions of target and draft over the same buckets.

use burn::tensor::Tensor;

/// The least probability of a bucket: keeps logarithms finite where the target gives nothing.
pub const FLOOR: f32 = 1e-9;

/// What a divergence reads: `[rows, buckets]` each.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The target's probabilities; each row sums to 1.
    pub p: Tensor<2>,
    /// The draft's log-probabilities; each row's sum to 1 as probabilities.
    pub log_q: Tensor<2>,
    /// The draft's log-probability of the token that the text goes on with, `[rows]`.
    pub label: Tensor<1>,
    /// 1 where the draft can say that token, otherwise 0.
    pub sayable: Tensor<1>,
}

impl Rows {
    /// The draft's probabilities.
    pub fn q(&self) -> Tensor<2> {
        self.log_q.clone().exp()
    }

    /// `log p`, no less than the log of [`FLOOR`].
    pub fn log_p(&self) -> Tensor<2> {
        self.p.clone().clamp_min(FLOOR).log()
    }

    /// `1[p > q]`, without gradient.
    pub fn reward(&self) -> Tensor<2> {
        self.p.clone().greater(self.q().detach()).float()
    }

    /// `sum over buckets of min(p, q)`, `[rows]`: the acceptance (of single ids; of coarser buckets a bound above).
    pub fn overlap(&self) -> Tensor<1> {
        let q = self.q();
        let less = q.clone().lower(self.p.clone());
        sum(self.p.clone().mask_where(less, q))
    }
}

/// Sums each row.
pub(super) fn sum(x: Tensor<2>) -> Tensor<1> {
    x.sum_dim(1).squeeze_dim(1)
}
