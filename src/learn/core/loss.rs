//! What a batch says about a student: its loss, the gradient of that, and how much would be accepted.
//!
//! A row has thousands of logits, but a divergence over the kept ids and *all others together* depends on them through
//! few numbers: the logits of the kept ids, and the log of the sum of the others' exponentials. So the divergence is
//! differentiated in those bucket logits alone; with its gradient `g`, that of the logits is `g[i]` at kept id `i` and
//! `g[others] * softmax over the others` elsewhere, which one product carries on to the states.

use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData, activation};

use super::batch::Batch;
use super::divergence::{Divergence, Rows};
use super::draft::Student;

/// A judged batch: its part of a step, which is all of it where the step has no other batch.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The loss.
    pub loss: f32,
    /// Has the loss's gradient (and not its value): call `backward` on it. Constant where gradients were not asked for.
    pub surrogate: Tensor<1>,
    /// The acceptance of each pass: the mean over its rows of the overlap of target and draft. The ids that the target's
    /// rows do not keep are one bucket, so this is a bound above, by at most their mass.
    pub alpha: Vec<f32>,
    /// Rows of the first pass.
    pub rows: usize,
}

/// Parameters of the judgement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// Passes.
    pub unroll: usize,
    /// What each further pass weighs.
    pub decay: f32,
    /// Weight of the distance to the target's states.
    pub feature: f32,
}

impl Pass {
    /// Rows of each pass over all of `batches` together.
    pub fn rows(&self, batches: &[Batch]) -> Vec<usize> {
        let rows = |pass| batches.iter().map(|batch| batch.rows(pass).count()).sum();
        (0..self.unroll.max(1)).map(rows).collect()
    }
}

/// Runs `student` over `batch`, one of those of a step whose passes have `of_step` rows in all; with its gradient where
/// `learn`. `None` where the batch has no rows.
pub fn judge(
    student: &Student,
    batch: &Batch,
    divergence: &dyn Divergence,
    weights: Pass,
    of_step: &[usize],
    learn: bool,
) -> Option<Judged> {
    let width = student.draft.config.width;
    let length = batch.tokens.len() / batch.sequences.max(1);
    let mut inputs = student.inputs(batch.sequences, &batch.tokens, batch.states.clone());
    if !batch.keep.is_empty() {
        let keep = TensorData::new(batch.keep.clone(), [batch.sequences, length, 1]);
        inputs.keep = Some(Tensor::from_data(keep, &student.device));
    }
    let passes = student.net.states(&student.draft.config, &inputs, weights.unroll);
    let total: f32 = (0..passes.len()).map(|pass| weights.decay.powi(pass as i32)).sum();
    let mut judged: Option<Judged> = None;
    for (pass, states) in passes.into_iter().enumerate() {
        let rows: Vec<usize> = batch.rows(pass).collect();
        if rows.is_empty() {
            continue;
        }
        let share = rows.len() as f32 / of_step[pass] as f32;
        let weight = weights.decay.powi(pass as i32) / total * share;
        let at: Vec<i32> = rows.iter().map(|r| batch.at[*r] as i32).collect();
        let at = Tensor::<1, Int>::from_data(TensorData::new(at, [rows.len()]), &student.device);
        let states = states.reshape([batch.sequences * length, width]).select(0, at);
        let mut one = compare(student, batch, &rows, states.clone(), divergence, learn);
        if weights.feature > 0.0 && !batch.features.is_empty() {
            let distance = features(student, batch, &rows, states) * weights.feature;
            one.loss += distance.clone().into_scalar::<f32>();
            one.surrogate = one.surrogate + distance;
        }
        let (loss, surrogate, alpha) = (one.loss * weight, one.surrogate * weight, one.alpha * share);
        judged = Some(match judged {
            None => Judged { loss, surrogate, alpha: vec![alpha], rows: rows.len() },
            Some(mut before) => {
                before.loss += loss;
                before.surrogate = before.surrogate + surrogate;
                before.alpha.push(alpha);
                before
            }
        });
    }
    judged
}

/// The rows' logits in buckets.
struct Buckets {
    /// `e^(logit - largest)`, `[rows, draft ids]`.
    exponentials: Tensor<2>,
    /// The kept ids, `[rows, top]`; 0 where `valid` is.
    ids: Tensor<2, Int>,
    /// 1 where the draft can say the id.
    valid: Tensor<2>,
    /// `exponentials` at `ids`; 0 where `valid` is.
    kept: Tensor<2>,
    /// The sum of the others', `[rows, 1]`.
    others: Tensor<2>,
    /// Logits of the buckets, `[rows, top + 1]`.
    logits: Tensor<2>,
}

impl Buckets {
    fn new(logits: Tensor<2>, ids: Tensor<2, Int>, valid: Tensor<2>) -> Self {
        /// The least share of all others together: what rounding leaves of a difference.
        const LEAST: f32 = 1e-7;
        const IMPOSSIBLE: f32 = -1e4;
        let largest = logits.clone().max_dim(1);
        let exponentials = (logits.clone() - largest.clone()).exp();
        let total = exponentials.clone().sum_dim(1);
        let kept = exponentials.clone().gather(1, ids.clone()) * valid.clone();
        let others = (total.clone() - kept.clone().sum_dim(1)).max_pair(total * LEAST);
        let top = logits.gather(1, ids.clone()) * valid.clone() + (valid.clone() - 1.0) * -IMPOSSIBLE;
        let logits = Tensor::cat(vec![top, others.clone().log() + largest], 1);
        Self { exponentials, ids, valid, kept, others, logits }
    }

    /// The gradient of the logits, given that of the buckets' logits.
    fn gradient(self, of_buckets: Tensor<2>) -> Tensor<2> {
        let top = self.ids.dims()[1];
        let of_kept = of_buckets.clone().narrow(1, 0, top) * self.valid;
        let of_others = of_buckets.narrow(1, top, 1) / self.others;
        let correction = of_kept - self.kept * of_others.clone();
        (self.exponentials * of_others).scatter(1, self.ids, correction, IndexingUpdateOp::Add)
    }
}

/// Means over some rows.
struct Compared {
    loss: f32,
    surrogate: Tensor<1>,
    alpha: f32,
}

/// Loss, gradient and acceptance of some rows, whose states are `states`.
fn compare(
    student: &Student,
    batch: &Batch,
    rows: &[usize],
    states: Tensor<2>,
    divergence: &dyn Divergence,
    learn: bool,
) -> Compared {
    let (top, device, count) = (batch.top, &student.device, rows.len());
    let gathered = |values: &[f32], width: usize| {
        let values: Vec<f32> = rows.iter().flat_map(|r| &values[r * width..][..width]).copied().collect();
        Tensor::<2>::from_data(TensorData::new(values, [count, width]), device)
    };
    let ids: Vec<i32> = rows.iter().flat_map(|r| &batch.ids[r * top..][..top]).copied().collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [count, top]), device);
    // The bucket of the token that the text goes on with, if it is among the kept ids.
    let kept = |r: usize| {
        let kept = batch.ids[r * top..][..top].iter().zip(&batch.valid[r * top..][..top]);
        kept.enumerate()
            .find(|(_, (id, valid))| **id == batch.labels[r] && **valid > 0.0)
            .map(|(i, _)| i as i32)
    };
    let labels: Vec<Option<i32>> = rows.iter().map(|r| kept(*r)).collect();
    let sayable = labels.iter().map(|label| f32::from(u8::from(label.is_some()))).collect::<Vec<_>>();
    let labels: Vec<i32> = labels.into_iter().map(Option::unwrap_or_default).collect();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [count, 1]), device);

    let spoken = student.speak(states);
    let buckets = Buckets::new(spoken.logits(), ids, gathered(&batch.valid, top));
    let leaf = if learn { buckets.logits.clone().autodiff().require_grad() } else { buckets.logits.clone() };
    let log_q = activation::log_softmax(leaf.clone(), 1);
    let compared = Rows {
        p: gathered(&batch.p, top + 1),
        label: log_q.clone().gather(1, labels).squeeze_dim(1),
        sayable: Tensor::from_data(TensorData::new(sayable, [count]), device),
        log_q,
    };
    // Against the target's own probabilities, not those of what the draft can say.
    let covered = gathered(&batch.covered, 1);
    let whole =
        Rows { p: compared.p.clone() * covered, log_q: compared.log_q.clone().inner(), ..compared.clone() };
    let alpha = whole.overlap().mean().into_scalar::<f32>();
    let loss = divergence.loss(&compared).mean();
    let value = loss.clone().into_scalar::<f32>();
    let gradient = if learn { leaf.grad(&loss.backward()) } else { None };
    let surrogate = match gradient {
        Some(gradient) => spoken.surrogate(buckets.gradient(gradient.inner())),
        None => Tensor::zeros([1], device),
    };
    Compared { loss: value, surrogate, alpha }
}

/// Smooth L1 (beta 2) between the draft's states and the target's at the same positions, both scaled to unit variance.
fn features(student: &Student, batch: &Batch, rows: &[usize], states: Tensor<2>) -> Tensor<1> {
    const BETA: f32 = 2.0;
    let width = student.draft.target_width;
    // What the last layer leaves stands last in a state.
    let all = student.draft.state_width();
    let last = |row: &usize| &batch.features[row * all + all - width..][..width];
    let target: Vec<f32> = rows.iter().flat_map(last).copied().collect();
    let target = Tensor::<2>::from_data(TensorData::new(target, [rows.len(), width]), &student.device);
    let unit = |x: Tensor<2>| x.clone() / (x.square().mean_dim(1) + 1e-6).sqrt();
    let distance = (unit(states) - unit(target)).abs();
    let near = distance.clone().lower_elem(BETA);
    let far = distance.clone() - 0.5 * BETA;
    far.mask_where(near, distance.square() * (0.5 / BETA)).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::learn::core::divergence::{DIVERGENCES, by_name};

    /// A loss differentiated through all logits, as burn would without buckets.
    #[test]
    fn bucket_gradients_are_those_of_all_logits() {
        const ROWS: usize = 6;
        const VOCAB: usize = 12;
        const TOP: usize = 3;
        let device = Device::flex();
        let mut random = fastrand::Rng::with_seed(2);
        let logits: Vec<f32> = (0..ROWS * VOCAB).map(|_| 4.0 * random.f32() - 2.0).collect();
        let logits = Tensor::<2>::from_data(TensorData::new(logits, [ROWS, VOCAB]), &device);
        // The last kept id of every other row cannot be said.
        let ids: Vec<i32> =
            (0..ROWS as i32).flat_map(|r| [r, r + 4, if r % 2 == 0 { 11 } else { 0 }]).collect();
        let valid: Vec<f32> =
            (0..ROWS).flat_map(|r| [1.0, 1.0, if r % 2 == 0 { 1.0 } else { 0.0 }]).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [ROWS, TOP]), &device);
        let valid = Tensor::<2>::from_data(TensorData::new(valid, [ROWS, TOP]), &device);
        let p: Vec<f32> = (0..ROWS)
            .flat_map(|r| if r % 2 == 0 { [0.4, 0.3, 0.2, 0.1] } else { [0.5, 0.3, 0.0, 0.2] })
            .collect();
        let p = Tensor::<2>::from_data(TensorData::new(p, [ROWS, TOP + 1]), &device);
        let rows = |log_q: Tensor<2>| Rows {
            p: p.clone(),
            label: log_q.clone().narrow(1, 1, 1).squeeze_dim(1),
            sayable: Tensor::ones([ROWS], &device),
            log_q,
        };
        for spec in DIVERGENCES.iter().filter(|spec| spec.name != "tvdpp-sampled") {
            let divergence = by_name(spec.name, 0.3).unwrap();
            let leaf = logits.clone().autodiff().require_grad();
            let log_q = activation::log_softmax(leaf.clone(), 1);
            let top = log_q.gather(1, ids.clone()) * valid.clone() + (valid.clone() - 1.0) * 30.0;
            let others = (top.clone().exp().sum_dim(1).neg() + 1.0).log();
            let loss = divergence.loss(&rows(Tensor::cat(vec![top, others], 1))).mean();
            let expected = leaf.grad(&loss.backward()).unwrap();

            let buckets = Buckets::new(logits.clone(), ids.clone(), valid.clone());
            let leaf = buckets.logits.clone().autodiff().require_grad();
            let again = divergence.loss(&rows(activation::log_softmax(leaf.clone(), 1))).mean();
            let gradient = buckets.gradient(leaf.grad(&again.clone().backward()).unwrap().inner());
            let error = (gradient - expected.inner()).abs().max().into_scalar::<f32>();
            assert!(error < 1e-5, "{}: gradients differ by {error}", spec.name);
            let (a, b) = (loss.into_scalar::<f32>(), again.into_scalar::<f32>());
            assert!((a - b).abs() < 1e-5, "{}: {a} and {b}", spec.name);
        }
    }
}
