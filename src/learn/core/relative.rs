//! Steps relative to the weights that they change.
//!
//! A draft's matrices write into the target's residual stream, a few of whose elements are a hundred times as large as
//! most, and Adam moves every weight by the same amount: what suits the large ones destroys the small ones. Here the
//! optimizer works on `w[i][j] / s[i][j]` with `s[i][j] = rms(w[i][..]) * rms(w[..][j]) / rms(w)` (Adafactor scales by
//! `rms(w)` alone, arXiv 1804.04235, section 8), so `lr` is the share of itself by which a weight changes in a step.

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// An optimizer with relative steps; its own weight decay must be 0.
#[derive(Clone)]
pub struct Relative<O>(pub O);

/// What a weight that is 0 is taken to be, relative to its neighbours: it could never leave 0 otherwise.
const LEAST: f32 = 0.1;

/// The size by which each weight moves at a learning rate of 1.
fn sizes<const D: usize>(weights: &Tensor<D>) -> Tensor<D> {
    let square = weights.clone().square();
    let whole = square.clone().mean().sqrt().into_scalar::<f32>().max(1e-6);
    let near = |dim: usize| square.clone().mean_dim(dim).sqrt().clamp_min(LEAST * whole);
    match D {
        1 => weights.clone().abs().clamp_min(LEAST * whole),
        _ => near(D - 1) * near(D - 2) / whole,
    }
}

impl<O: Optimizer> Optimizer for Relative<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let sizes = sizes(&weights);
        let (moved, state) = self.0.step(lr, weights.zeros_like(), gradient * sizes.clone(), state);
        (weights + moved * sizes, state)
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        O::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::AdamWConfig;
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn every_weight_moves_by_the_same_share_of_its_row_and_column() {
        let device = Device::flex();
        let matrix =
            |values: [f32; 4]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [2, 2]), &device);
        let optimizer = Relative(AdamWConfig::new().with_weight_decay(0.0).with_epsilon(1e-12).build());
        // Rank one: its sizes are the weights' own.
        let before = matrix([1.0, 100.0, 2.0, 200.0]);
        let (after, _) = optimizer.step(0.01, before.clone(), matrix([3.0, 1e-3, 5.0, 1e2]), None);
        let share: Vec<f32> = ((before.clone() - after) / before).try_into_vec_as().unwrap();
        // The smallest column is taken to be a tenth of the whole, which is 70.7.
        for (share, expected) in share.iter().zip([0.0707, 0.01, 0.0447, 0.01]) {
            assert!(*share > 0.0 && share / expected < 10.0, "{share} {expected}");
        }
    }
}
