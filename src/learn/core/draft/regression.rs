//! A fed draft's first guess in closed form: gradient steps take thousands of batches to find as much.
//!
//! `fuse.weight` becomes the ridge regression of `y[t] = h[t] / rms(h[t])` on what the draft reads, `concat(rms_norm(
//! embedding), rms_norm(h[t - 1]))`, over the samples' rows: the best linear map to the target's next state. Then, layer by
//! layer, the attention's output projection and the MLP's down projection become the regressions of what is still
//! missing, `y[t] - x[t]`, on what they read, the projections before them staying the target's.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::student::Student;
use super::weights::Weights;
use crate::learn::core::error::Error;
use crate::learn::core::sample::Sample;
use crate::learn::core::target::Matrices;
use crate::model::draft::{Draft, Input, Origin};
use crate::model::{Config, Layer, Role, Slot};

/// Rows that are multiplied at a time.
const CHUNK: usize = 4096;
/// The ridge, relative to the mean of the diagonal.
const RIDGE: f64 = 1e-4;

/// Whether a draft can begin with the regressions: nothing is collected for one that cannot.
///
/// # Errors
/// [`Error::Shape`] where it does not read the embedding and the last layer's states of a target of this configuration.
pub fn check(draft: &Draft, target: &Config) -> Result<(), Error> {
    let reads_last = draft.input == Input::Hidden && draft.reads_last(target);
    if draft.embedding == Origin::Target && draft.config.width == draft.target_width && reads_last {
        return Ok(());
    }
    let why = "regression is for drafts that read the target's embedding, and states up to its last layer";
    Err(Error::Shape(why.into()))
}

/// Sets `weights` to the regressions on `samples`.
///
/// # Errors
/// [`Error::Shape`] where the draft does not read the target's states, or samples have none.
pub fn regress(
    draft: &Draft,
    weights: &mut Weights,
    target: &dyn Matrices,
    samples: &[Sample],
    device: &Device,
) -> Result<(), Error> {
    check(draft, target.config())?;
    let slot = Slot { layer: None, role: Role::Fuse };
    let width = draft.config.width;
    let solved =
        |sums: Sums| sums.solve().ok_or_else(|| Error::Shape("there are no samples to regress on".into()));
    let mut sums = fuse(draft, target, samples, device)?;
    // The norms' weights make every input as large as any other, so that one learning rate suits all: a few of a state's
    // elements are a hundred times as large as most.
    let sizes = sums.sizes();
    let mut matrix = solved(sums)?;
    matrix
        .chunks_exact_mut(sizes.len())
        .for_each(|row| row.iter_mut().zip(&sizes).for_each(|(w, size)| *w *= size));
    let inverse = |sizes: &[f32]| sizes.iter().map(|size| 1.0 / size).collect::<Vec<f32>>();
    let (embedding, hidden) = sizes.split_at(draft.embedding_width());
    weights.set(None, Role::FuseEmbeddingNorm, inverse(embedding));
    weights.set(None, Role::FuseHiddenNorm, inverse(hidden));
    weights.0.insert(slot, matrix);
    let layers = &draft.config.plan.layers;
    let outputs =
        |layer: &Layer| [(Role::AttentionOutput, layer.attention().q_width()), (Role::Down, layer.mlp.ff())];
    for (layer, plan) in layers.iter().enumerate() {
        // Until it is this layer's turn it adds nothing.
        for (role, inputs) in outputs(plan) {
            weights.set(Some(layer), role, vec![0.0; inputs * width]);
        }
    }
    for (layer, plan) in layers.iter().enumerate() {
        for (role, inputs) in outputs(plan) {
            let student = Student::new(draft.clone(), weights, target, device)?.still();
            let mut sums = Sums::new(inputs, width);
            for sample in samples {
                missing(&student, sample, layer, role == Role::AttentionOutput, &mut sums);
            }
            weights.set(Some(layer), role, solved(sums)?);
        }
    }
    Ok(())
}

/// The normal equations of the fused row.
fn fuse(draft: &Draft, target: &dyn Matrices, samples: &[Sample], device: &Device) -> Result<Sums, Error> {
    let (e, t, eps) = (draft.embedding_width(), draft.target_width, draft.config.rms_eps);
    let width = draft.state_width();
    let mut sums = Sums::new(e + width, t);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut row = vec![0.0; e];
    for sample in samples {
        for position in sample.rows.positions.iter().map(|at| *at as usize).filter(|at| *at > 0) {
            let (Some(before), Some(here)) =
                (sample.state(width, position - 1), sample.state(width, position))
            else {
                return Err(Error::Shape("regression needs samples with hidden states".into()));
            };
            target.embedding_rows(&sample.tokens[position..=position], &mut row);
            push_normed(&mut x, row.iter().copied(), eps);
            push_normed(&mut x, before.iter().map(|h| h.to_f32()), eps);
            push_normed(&mut y, here[width - t..].iter().map(|h| h.to_f32()), eps);
            if y.len() == CHUNK * t {
                sums.add_rows(std::mem::take(&mut x), std::mem::take(&mut y), device);
            }
        }
    }
    sums.add_rows(x, y, device);
    Ok(sums)
}

/// Adds a sample to the normal equations of a projection of `layer`: what it reads, and what is missing there.
fn missing(student: &Student, sample: &Sample, layer: usize, attention: bool, sums: &mut Sums) {
    let (width, eps) = (student.draft.target_width, student.draft.config.rms_eps);
    let all = student.draft.state_width();
    let readable = sample.tokens.len() - 1;
    let states = sample.states_before(all, 0..readable).collect();
    let inputs = student.inputs(1, &sample.tokens[..readable], states);
    let Some((read, x)) = student.net.probe(&student.draft.config, &inputs, layer, attention) else { return };
    let at: Vec<i32> = sample.rows.positions.iter().map(|at| *at as i32).collect();
    let at = Tensor::<1, Int>::from_data(TensorData::new(at, [sample.rows.len()]), &student.device);
    let rows = |x: Tensor<3>| {
        let [_, length, width] = x.dims();
        x.reshape([length, width]).select(0, at.clone())
    };
    let mut y = Vec::new();
    for position in sample.rows.positions.iter().map(|at| *at as usize) {
        // What the last layer leaves stands last.
        let here = sample.state(all, position).unwrap_or_default();
        push_normed(&mut y, here.iter().skip(all - width).map(|h| h.to_f32()), eps);
    }
    let y = Tensor::<2>::from_data(TensorData::new(y, [sample.rows.len(), width]), &student.device);
    sums.add(rows(read), y - rows(x));
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
    rows: usize,
    inputs: usize,
    outputs: usize,
    /// Rows that are still to be multiplied: many at a time are faster.
    waiting: Vec<(Tensor<2>, Tensor<2>)>,
    xx: Vec<f64>,
    xy: Vec<f64>,
}

impl Sums {
    fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            rows: 0,
            inputs,
            outputs,
            waiting: Vec::new(),
            xx: vec![0.0; inputs * inputs],
            xy: vec![0.0; inputs * outputs],
        }
    }

    /// Adds rows, one after the other.
    fn add_rows(&mut self, x: Vec<f32>, y: Vec<f32>, device: &Device) {
        let rows = x.len() / self.inputs;
        if rows > 0 {
            let x = Tensor::<2>::from_data(TensorData::new(x, [rows, self.inputs]), device);
            self.add(x, Tensor::from_data(TensorData::new(y, [rows, self.outputs]), device));
        }
    }

    /// Adds rows `[rows, inputs]` and `[rows, outputs]`.
    fn add(&mut self, x: Tensor<2>, y: Tensor<2>) {
        self.rows += x.dims()[0];
        self.waiting.push((x, y));
        if self.waiting.iter().map(|(x, _)| x.dims()[0]).sum::<usize>() >= CHUNK {
            self.multiply();
        }
    }

    /// Multiplies the rows that wait.
    fn multiply(&mut self) {
        let (x, y): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().unzip();
        if x.is_empty() {
            return;
        }
        let (x, y) = (Tensor::cat(x, 0), Tensor::cat(y, 0));
        let add = |sum: &mut [f64], product: Tensor<2>| {
            let product: Vec<f32> = product.try_into_vec_as().unwrap_or_default();
            sum.iter_mut().zip(product).for_each(|(sum, p)| *sum += f64::from(p));
        };
        add(&mut self.xx, x.clone().transpose().matmul(x.clone()));
        add(&mut self.xy, x.transpose().matmul(y));
    }

    /// The root of the mean square of each input.
    fn sizes(&mut self) -> Vec<f32> {
        self.multiply();
        let size = |i: usize| (self.xx[i * self.inputs + i] / self.rows.max(1) as f64).sqrt() as f32;
        (0..self.inputs).map(|i| size(i).max(1e-3)).collect()
    }

    /// Solves `(X^T X + ridge) W = X^T Y` by Cholesky; returns `W` in the layout of files, `[outputs][inputs]`.
    fn solve(mut self) -> Option<Vec<f32>> {
        self.multiply();
        let Self { inputs: n, outputs: m, xx: mut a, xy: mut w, .. } = self;
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
        Some(
            (0..m)
                .flat_map(|output| (0..n).map(move |input| (input, output)))
                .map(|(i, o)| w[i * m + o] as f32)
                .collect(),
        )
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
        sums.add_rows(x[..half * n].to_vec(), y[..half * m].to_vec(), &Device::flex());
        sums.add_rows(x[half * n..].to_vec(), y[half * m..].to_vec(), &Device::flex());
        let solution = sums.solve().unwrap();
        for (at, got) in solution.iter().enumerate() {
            let expected = map[at % n * m + at / n];
            assert!((got - expected).abs() < 2e-3, "{got} {expected}");
        }
        assert!(Sums::new(n, m).solve().is_none());
    }
}
