//! A draft in the making: samples in, a better draft out.

use std::borrow::Borrow;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};

use super::batch::{Batch, Batcher};
use super::divergence::{self, Divergence};
use super::draft::{Net, Student, Weights, file};
use super::error::Error;
use super::loss::{Pass, judge};
use super::sample::Sample;
use super::schedule::Schedule;
use super::{gradients, optimizer};
use crate::gguf::{Format, Metadata};

/// How a draft learns.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A name of [`divergence::DIVERGENCES`].
    pub divergence: String,
    /// Parameter of those divergences that have one.
    pub beta: f32,
    /// A name of [`optimizer::OPTIMIZERS`].
    pub optimizer: String,
    /// The learning rate of each step.
    pub schedule: Schedule,
    /// Passes over each sequence, and what they weigh.
    pub pass: Pass,
    /// Whether only the draft's last layer learns (stage S of G2SD, arXiv 2302.14771).
    pub last_layer: bool,
    /// Share of the inputs that the draft does not see while it learns (stage G of G2SD).
    pub mask: f32,
    /// Tokens of a sequence, longer ones are cut.
    pub length: usize,
    /// Sequences that are run at a time; the gradients of a step's samples are added up. 0 for all: fastest, and most
    /// memory. For divergences that normalise over the batch (`tvdpp-global`, `tvdpp-sampled`) the batch is these.
    pub at_a_time: usize,
}

/// What a step did. Where no sample had a row to learn from, nothing: `rows` is 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// The loss before the step: the mean over the rows, and over the passes by their weights.
    pub loss: f32,
    /// The Euclidean norm of the gradient, before each tensor's is clipped to 1.
    pub gradient_norm: f32,
    /// The acceptance of each pass before the step: the mean over its rows of the overlap of target and draft.
    pub alpha: Vec<f32>,
    /// The target's distributions that were learnt from.
    pub rows: usize,
    /// Tokens that were read.
    pub tokens: usize,
    /// The learning rate.
    pub learning_rate: f64,
}

/// What a learner remembers between steps, as bytes: it goes on from them as if nothing had been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Steps done.
    pub steps: usize,
    /// The weights, in burn's own format.
    pub net: Vec<u8>,
    /// What the optimizer keeps of each weight, in burn's own format.
    pub optimizer: Vec<u8>,
}

/// Owns a draft, its optimizer's state and the target's matrices, and teaches the draft.
pub struct Learner {
    student: Student,
    optimizer: ModuleOptimizer,
    divergence: Box<dyn Divergence>,
    batcher: Batcher,
    settings: Settings,
    steps: usize,
}

/// Whether a draft that reads the target's last states, or does not, can learn with a feature weight.
///
/// # Errors
/// [`Error::Shape`] where states are to be compared, and the draft does not read the target's last.
pub fn check_feature_weight(weight: f32, reads_last: bool) -> Result<(), Error> {
    if weight > 0.0 && !reads_last {
        let why = "a feature weight is for drafts that read states up to the target's last layer";
        return Err(Error::Shape(why.into()));
    }
    Ok(())
}

impl Learner {
    /// A learner that has not taken a step.
    ///
    /// # Errors
    /// [`Error::Unknown`] where there is no divergence or optimizer of the settings' names; [`Error::Shape`] where states
    /// are to be compared, and the draft does not read the target's last.
    pub fn new(student: Student, settings: Settings) -> Result<Self, Error> {
        let divergence = divergence::by_name(&settings.divergence, settings.beta)?;
        let optimizer = optimizer::by_name(&settings.optimizer)?;
        check_feature_weight(settings.pass.feature, student.reads_last)?;
        let batcher = Batcher::new(&student.draft, settings.length);
        Ok(Self { student, optimizer, divergence, batcher, settings, steps: 0 })
    }

    /// Learns from `samples`, once. Depends on what the learner knows, the samples and the state of `random` alone.
    ///
    /// # Errors
    /// [`Error::Diverged`] where the loss or its gradient is no number: the draft then stays what it was.
    pub fn step<S: Borrow<Sample>>(
        &mut self,
        samples: &[S],
        random: &mut fastrand::Rng,
    ) -> Result<Step, Error> {
        let batches = self.batches(samples, self.settings.mask, self.settings.at_a_time, random);
        // Divergences that sample draw from the device's numbers.
        self.student.device.seed(random.u64(..));
        let mut gradients = GradientsAccumulator::new();
        let mut step = self.judge_all(&self.student, &batches, true, |surrogate| {
            let net = &self.student.net;
            let mut all = surrogate.backward();
            let those = if self.settings.last_layer {
                GradientsParams::from_params(&mut all, net, &net.last_layer())
            } else {
                GradientsParams::from_grads(all, net)
            };
            gradients.accumulate(net, those);
        });
        step.learning_rate = self.settings.schedule.at(self.steps);
        if step.rows == 0 {
            self.steps += 1;
            return Ok(step);
        }
        let gradients = gradients.grads();
        step.gradient_norm = gradients::norm(&self.student.net, &gradients);
        for (what, value) in [("loss", step.loss), ("norm of the gradient", step.gradient_norm)] {
            if !value.is_finite() {
                return Err(Error::Diverged { step: self.steps, what, value });
            }
        }
        self.student.net = self.optimizer.step(step.learning_rate, self.student.net.clone(), gradients);
        self.steps += 1;
        Ok(step)
    }

    /// The mean acceptance of each pass on `samples`, `at_a_time` of which are run together; nothing is learnt. Empty where
    /// no sample has a row.
    pub fn judge<S: Borrow<Sample>>(
        &self,
        samples: &[S],
        at_a_time: usize,
        random: &mut fastrand::Rng,
    ) -> Vec<f32> {
        let student = self.student.still();
        let (mut sums, mut total) = (Vec::new(), 0.0);
        for batch in self.batches(samples, 0.0, at_a_time, random) {
            let judged = self.judge_all(&student, &[batch], false, |_| ());
            let rows = judged.rows as f32;
            total += rows;
            add(&mut sums, judged.alpha.iter().map(|alpha| rows * alpha));
        }
        sums.into_iter().map(|sum| sum / total).collect()
    }

    /// Steps done.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The draft as it is now.
    pub fn student(&self) -> &Student {
        &self.student
    }

    /// The draft's tensors as it is now, in the layout of its file: what an engine that runs it would swap in.
    pub fn weights(&self) -> Weights {
        self.student.weights()
    }

    /// The draft as it is now, as the bytes of a GGUF file (see [`file::write`]).
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn export(&self, format: Format, name: &str, target: &Metadata) -> Result<Vec<u8>, Error> {
        file::write(&self.student.draft, &self.weights(), format, name, target)
    }

    /// What to go on from.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn save(&self) -> Result<State, Error> {
        let net = self.student.net.clone().into_record().into_bytes().map_err(broken)?;
        let optimizer = self.optimizer.into_bytes().map_err(broken)?;
        Ok(State { steps: self.steps, net: net.to_vec(), optimizer: optimizer.to_vec() })
    }

    /// Goes on from `state`, which a learner of the same settings saved of a draft of the same shape.
    ///
    /// # Errors
    /// [`Error::State`]; the learner then stays what it was.
    pub fn restore(&mut self, state: State) -> Result<(), Error> {
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(state.net)).map_err(broken)?;
        let net: Net = self.student.net.clone().try_load_record(record).map_err(broken)?;
        let bytes = Bytes::from_bytes_vec(state.optimizer);
        self.optimizer = self.optimizer.clone().from_bytes(bytes).map_err(broken)?;
        self.student.net = net;
        self.steps = state.steps;
        Ok(())
    }

    /// `samples` in batches of `at_a_time` (0: all), of whose inputs a share `mask` is hidden.
    fn batches<S: Borrow<Sample>>(
        &self,
        samples: &[S],
        mask: f32,
        at_a_time: usize,
        random: &mut fastrand::Rng,
    ) -> Vec<Batch> {
        let samples: Vec<&Sample> = samples.iter().map(Borrow::borrow).collect();
        let at_a_time = if at_a_time == 0 { samples.len().max(1) } else { at_a_time };
        let batch = |samples: &[&Sample]| self.batcher.batch(samples, random);
        let mut batches: Vec<Batch> = samples.chunks(at_a_time).map(batch).collect();
        // After all windows, so that how many are run at a time changes no random number.
        batches.iter_mut().for_each(|batch| batch.mask(mask, random));
        batches
    }

    /// Judges the batches of a step together, and hands each one's part of the loss to `learn`, with `gradients` or without.
    fn judge_all(
        &self,
        student: &Student,
        batches: &[Batch],
        gradients: bool,
        mut learn: impl FnMut(Tensor<1>),
    ) -> Step {
        let mut step = Step::default();
        let rows = self.settings.pass.rows(batches);
        for batch in batches {
            let judged =
                judge(student, batch, self.divergence.as_ref(), self.settings.pass, &rows, gradients);
            let Some(judged) = judged else { continue };
            step.loss += judged.loss;
            step.rows += judged.rows;
            step.tokens += batch.read;
            add(&mut step.alpha, judged.alpha.into_iter());
            learn(judged.surrogate);
        }
        step
    }
}

/// Adds what each pass has to that pass's sum.
fn add(sums: &mut Vec<f32>, more: impl ExactSizeIterator<Item = f32>) {
    sums.resize(more.len().max(sums.len()), 0.0);
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

fn broken(why: impl std::fmt::Display) -> Error {
    Error::State(why.to_string())
}
