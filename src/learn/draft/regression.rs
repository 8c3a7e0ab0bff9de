//! A fed draft's first guess in closed form: the linear map from what it reads to the target's next state that is best in
//! the sense of least squares. Gradient steps take thousands of batches to find as much.
//!
//! `fuse.weight` becomes the ridge regression of `h[t] / rms(h[t])` on `concat(rms_norm(embedding), rms_norm(h[t - 1]))`
//! over the samples' rows, and the layers' outputs become zero, so that the draft begins as that map and the layers learn
//! what it misses.

use burn::tensor::{Device, Tensor, TensorData};

use super::Weights;
use crate::cpu;
use crate::learn::Error;
use crate::learn::data::Sample;
use crate::model::draft::{Draft, Origin};
use crate::model::{Role, Slot};

/// Rows that are multiplied at a time.
const CHUNK: usize = 4096;
/// The ridge, relative to the mean of the diagonal.
const RIDGE: f64 = 1e-4;

/// Sets `weights` to the regression on `samples`.
///
/// # Errors
/// [`Error::Shape`] where the draft does not read the target's states, or samples have none.
pub fn regress<'a>(
    draft: &Draft,
    weights: &mut Weights,
    target: &cpu::Model,
    samples: impl Iterator<Item = &'a Sample>,
    device: &Device,
) -> Result<(), Error> {
    let (e, t) = (draft.embedding_width(), draft.target_width);
    let slot = Slot { layer: None, role: Role::Fuse };
    if draft.embedding != Origin::Target || draft.config.width != t || !weights.0.contains_key(&slot) {
        return Err(Error::Shape(
            "regression is for drafts that read the target's embedding and states".into(),
        ));
    }
    let eps = draft.config.rms_eps;
    let mut sums = Sums::new(e + t, t);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut row = vec![0.0; e];
    for sample in samples {
        let state = |at: usize| sample.hidden.get(at * t..(at + 1) * t);
        for position in sample.rows.positions.iter().map(|at| *at as usize).filter(|at| *at > 0) {
            let (Some(before), Some(here)) = (state(position - 1), state(position)) else {
                return Err(Error::Shape("regression needs samples with hidden states".into()));
            };
            target.embedding_row(sample.tokens[position], &mut row);
            push_normed(&mut x, row.iter().copied(), eps);
            push_normed(&mut x, before.iter().map(|h| h.to_f32()), eps);
            push_normed(&mut y, here.iter().map(|h| h.to_f32()), eps);
            if y.len() == CHUNK * t {
                sums.add(std::mem::take(&mut x), std::mem::take(&mut y), device);
            }
        }
    }
    sums.add(x, y, device);
    let solution = sums.solve().ok_or_else(|| Error::Shape("there are no samples to regress on".into()))?;
    let fuse = (0..t).flat_map(|output| (0..e + t).map(move |input| (input, output)));
    weights.0.insert(slot, fuse.map(|(input, output)| solution[input * t + output] as f32).collect());
    for role in [Role::FuseEmbeddingNorm, Role::FuseHiddenNorm] {
        if let Some(norm) = weights.0.get_mut(&Slot { layer: None, role }) {
            norm.fill(1.0);
        }
    }
    for layer in (0..draft.config.layers).map(Some) {
        for role in [Role::AttentionOutput, Role::Down] {
            if let Some(output) = weights.0.get_mut(&Slot { layer, role }) {
                output.fill(0.0);
            }
        }
    }
    Ok(())
}

/// Appends `x / sqrt(mean(x^2) + eps)`.
fn push_normed(out: &mut Vec<f32>, x: impl Iterator<Item = f32>, eps: f32) {
    let first = out.len();
    out.extend(x);
    let x = &mut out[first..];
    let mean = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
    let factor = 1.0 / (mean + eps).sqrt();
    x.iter_mut().for_each(|x| *x *= factor);
}

/// The normal equations: `X^T X` and `X^T Y`, in f64.
struct Sums {
    inputs: usize,
    outputs: usize,
    xx: Vec<f64>,
    xy: Vec<f64>,
}

impl Sums {
    fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, xx: vec![0.0; inputs * inputs], xy: vec![0.0; inputs * outputs] }
    }

    fn add(&mut self, x: Vec<f32>, y: Vec<f32>, device: &Device) {
        let rows = x.len() / self.inputs;
        if rows == 0 {
            return;
        }
        let x = Tensor::<2>::from_data(TensorData::new(x, [rows, self.inputs]), device);
        let y = Tensor::<2>::from_data(TensorData::new(y, [rows, self.outputs]), device);
        let add = |sum: &mut [f64], product: Tensor<2>| {
            let product: Vec<f32> = product.try_into_vec_as().unwrap_or_default();
            sum.iter_mut().zip(product).for_each(|(sum, p)| *sum += f64::from(p));
        };
        add(&mut self.xx, x.clone().transpose().matmul(x.clone()));
        add(&mut self.xy, x.transpose().matmul(y));
    }

    /// Solves `(X^T X + ridge) W = X^T Y` by Cholesky; `W` is `[inputs][outputs]`.
    fn solve(self) -> Option<Vec<f64>> {
        let Self { inputs: n, outputs: m, xx: mut a, xy: mut w } = self;
        let ridge = RIDGE * (0..n).map(|i| a[i * n + i]).sum::<f64>() / n as f64;
        (0..n).for_each(|i| a[i * n + i] += ridge);
        for j in 0..n {
            let (above, below) = a.split_at_mut((j + 1) * n);
            let row_j = &mut above[j * n..];
            let pivot = row_j[j] - row_j[..j].iter().map(|v| v * v).sum::<f64>();
            if pivot.is_nan() || pivot <= 0.0 {
                return None;
            }
            row_j[j] = pivot.sqrt();
            let row_j = &row_j[..=j];
            for row_i in below.chunks_exact_mut(n) {
                let dot: f64 = row_i[..j].iter().zip(&row_j[..j]).map(|(x, y)| x * y).sum();
                row_i[j] = (row_i[j] - dot) / row_j[j];
            }
        }
        // Forward, then backward substitution, on whole rows of W.
        for i in 0..n {
            let (before, here) = w.split_at_mut(i * m);
            let here = &mut here[..m];
            for (j, row) in before.chunks_exact(m).enumerate() {
                let l = a[i * n + j];
                here.iter_mut().zip(row).for_each(|(h, r)| *h -= l * r);
            }
            here.iter_mut().for_each(|h| *h /= a[i * n + i]);
        }
        for i in (0..n).rev() {
            let (before, after) = w.split_at_mut((i + 1) * m);
            let here = &mut before[i * m..];
            for (j, row) in after.chunks_exact(m).enumerate() {
                let l = a[(i + 1 + j) * n + i];
                here.iter_mut().zip(row).for_each(|(h, r)| *h -= l * r);
            }
            here.iter_mut().for_each(|h| *h /= a[i * n + i]);
        }
        Some(w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_map_is_found() {
        let (n, m, rows) = (7, 3, 200);
        let mut random = fastrand::Rng::with_seed(1);
        let map: Vec<f32> = (0..n * m).map(|_| random.f32() - 0.5).collect();
        let x: Vec<f32> = (0..rows * n).map(|_| random.f32() - 0.5).collect();
        let y: Vec<f32> = x
            .chunks_exact(n)
            .flat_map(|x| (0..m).map(|j| (0..n).map(|i| x[i] * map[i * m + j]).sum()).collect::<Vec<f32>>())
            .collect();
        let mut sums = Sums::new(n, m);
        let half = rows / 2;
        sums.add(x[..half * n].to_vec(), y[..half * m].to_vec(), &Device::flex());
        sums.add(x[half * n..].to_vec(), y[half * m..].to_vec(), &Device::flex());
        for (got, expected) in sums.solve().unwrap().iter().zip(map) {
            assert!((got - f64::from(expected)).abs() < 1e-3, "{got} {expected}");
        }
        assert!(Sums::new(n, m).solve().is_none());
    }
}
