//! The loop: draw samples, judge, step; now and then look at what is kept back and save.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::optim::{GradientsParams, ModuleOptimizer};

use super::batch::{Batch, Batcher};
use super::checkpoint::Checkpoints;
use super::config::Config;
use super::loss::{Judged, Pass, judge};
use super::metrics::{Line, Metrics};
use super::optimizer;
use super::plot::plot;
use super::schedule::learning_rate;
use crate::gguf::{Format, Metadata};
use crate::learn::data::{Mix, Pools, Sample, Strategy};
use crate::learn::divergence::{self, Divergence};
use crate::learn::draft::{Student, file};
use crate::learn::{Error, files};

/// Steps between two lines of metrics.
const LOG_STEPS: usize = 10;
/// Gamma of the tau in the metrics.
const TAU_GAMMA: i32 = 4;

/// What the caller of a run sees and supplies.
pub trait Watch {
    /// Brings the pools up to date: before the first step and every [`Config::refresh`] steps. `student` may say something
    /// itself.
    ///
    /// # Errors
    /// What collecting samples reports.
    fn refresh(&mut self, student: &Student, step: usize, pools: &mut Pools) -> Result<(), crate::Error>;

    /// Samples that are never learnt from.
    fn held_out(&self) -> &[Sample];

    /// A line of metrics was written.
    fn line(&mut self, line: &Line);

    /// Whether to stop here, after a checkpoint.
    fn stop(&mut self) -> bool {
        false
    }
}

/// A run.
pub struct Trainer {
    folder: PathBuf,
    config: Config,
    student: Student,
    optimizer: ModuleOptimizer,
    divergence: Box<dyn Divergence>,
    mix: Mix,
    batcher: Batcher,
    checkpoints: Checkpoints,
    metrics: Metrics,
    step: usize,
    /// Steps between two checkpoints.
    save_every: usize,
    /// Metadata of the target, for the drafts that are saved.
    target: Metadata,
    format: Format,
}

impl Trainer {
    /// A run in `folder`, begun or taken up at its newest checkpoint.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Io`], [`Error::Run`].
    pub fn open(
        folder: &Path,
        config: Config,
        student: Student,
        target: Metadata,
        (save_every, format): (usize, Format),
    ) -> Result<Self, Error> {
        let divergence = divergence::by_name(&config.divergence, config.beta)?;
        let mix = (Strategy::by_name(&config.strategy)?.mix)(config.lambda);
        let checkpoints = Checkpoints::open(folder.join("checkpoints"))?;
        let optimizer = optimizer::by_name(&config.optimizer)?;
        let loaded = checkpoints.load(student.net.clone(), optimizer.clone())?;
        let (step, net, optimizer) = loaded.unwrap_or((0, student.net.clone(), optimizer));
        let student = Student { net, ..student };
        let metrics = Metrics::open(folder.join("metrics.jsonl"), step)?;
        let batcher = Batcher::new(&student.draft, config.length);
        let folder = folder.into();
        Ok(Self {
            folder,
            config,
            student,
            optimizer,
            divergence,
            mix,
            batcher,
            checkpoints,
            metrics,
            step,
            save_every,
            target,
            format,
        })
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The draft as it is now.
    pub fn student(&self) -> &Student {
        &self.student
    }

    /// Lines of metrics so far.
    pub fn lines(&self) -> &[Line] {
        self.metrics.lines()
    }

    /// Trains to the last step, or until `watch` stops it.
    ///
    /// # Errors
    /// [`Error::Diverged`] where the loss is no number; [`Error::Shape`] where there are no samples; what `watch` reports;
    /// [`Error::Io`].
    pub fn run(&mut self, watch: &mut dyn Watch) -> Result<(), crate::Error> {
        let mut pools = Pools::default();
        let mut since = Since::default();
        let before = self.metrics.lines().last().cloned().unwrap_or_default();
        let (began, mut collecting) = (Instant::now(), before.collecting);
        let mut rows = before.rows;
        let first = self.step;
        while self.step < self.config.steps {
            if self.step == first || self.step.is_multiple_of(self.config.refresh.max(1)) {
                let began = Instant::now();
                watch.refresh(&self.student, self.step, &mut pools)?;
                collecting += began.elapsed().as_secs_f64();
            }
            let batch = self.draw(&pools)?;
            let lr = learning_rate(self.config.lr, self.config.warmup, self.config.steps, self.step);
            let divergence = self.divergence.as_ref();
            if let Some(judged) = judge(&self.student, &batch, divergence, self.weights(), true) {
                rows += judged.rows as u64;
                since.add(&judged, self.step)?;
                let net = self.student.net.clone();
                let mut gradients = judged.surrogate.backward();
                let gradients = if self.config.last_layer {
                    GradientsParams::from_params(&mut gradients, &net, &net.last_layer())
                } else {
                    GradientsParams::from_grads(gradients, &net)
                };
                self.student.net = self.optimizer.step(lr, net, gradients);
            }
            self.step += 1;

            let last = self.step == self.config.steps;
            let save = last || self.step.is_multiple_of(self.save_every.max(1));
            if save || self.step.is_multiple_of(LOG_STEPS) {
                let held_out = if save { self.judge_held_out(watch.held_out()) } else { Vec::new() };
                let line = Line {
                    step: self.step,
                    loss: since.loss(),
                    alpha: since.alpha(),
                    tau: (!held_out.is_empty()).then(|| tau(&held_out, TAU_GAMMA)),
                    held_out,
                    lr,
                    seconds: before.seconds + began.elapsed().as_secs_f64(),
                    collecting,
                    rows,
                    samples: pools.len(),
                };
                since = Since::default();
                watch.line(&line);
                self.metrics.push(line)?;
            }
            if save {
                self.save()?;
                if watch.stop() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn weights(&self) -> Pass {
        let Config { unroll, unroll_decay, feature_weight, .. } = self.config;
        Pass { unroll, decay: unroll_decay, feature: feature_weight }
    }

    /// The batch of the current step: depends on the seed, the step and the pools alone.
    fn draw(&self, pools: &Pools) -> Result<Batch, Error> {
        let mut random = fastrand::Rng::with_seed(self.config.seed.wrapping_add((self.step as u64) << 20));
        let samples: Vec<&Sample> =
            (0..self.config.batch).filter_map(|_| pools.draw(self.mix, &mut random)).collect();
        if samples.is_empty() {
            let strategy = &self.config.strategy;
            return Err(Error::Shape(format!(
                "there are no samples that the strategy {strategy:?} learns from"
            )));
        }
        let mut batch = self.batcher.batch(&samples, &mut random);
        batch.mask(self.config.mask, &mut random);
        Ok(batch)
    }

    /// The mean acceptance of each pass on `samples`.
    fn judge_held_out(&self, samples: &[Sample]) -> Vec<f32> {
        let student = self.student.still();
        let mut random = fastrand::Rng::with_seed(0);
        let (mut sums, mut total) = (Vec::new(), 0.0);
        for samples in samples.chunks(self.config.batch.max(1)) {
            let samples: Vec<&Sample> = samples.iter().collect();
            let batch = self.batcher.batch(&samples, &mut random);
            let divergence = self.divergence.as_ref();
            let Some(judged) = judge(&student, &batch, divergence, self.weights(), false) else { continue };
            let rows = judged.rows as f32;
            total += rows;
            sums.resize(judged.alpha.len().max(sums.len()), 0.0);
            for (sum, alpha) in sums.iter_mut().zip(judged.alpha) {
                *sum += rows * alpha;
            }
        }
        sums.into_iter().map(|sum| sum / total).collect()
    }

    fn save(&self) -> Result<(), Error> {
        self.checkpoints.save(self.step, &self.student.net, &self.optimizer)?;
        let name = format!("draft for {} ({} steps)", self.config.target, self.step);
        let bytes =
            file::write(&self.student.draft, &self.student.weights(), self.format, &name, &self.target)?;
        files::write(&self.folder.join("draft.gguf"), &bytes)?;
        plot(&self.folder.join("plots"), self.metrics.lines())
    }
}

/// What happened since the last line.
#[derive(Default)]
struct Since {
    loss: f32,
    alpha: Vec<f32>,
    steps: usize,
}

impl Since {
    fn add(&mut self, judged: &Judged, step: usize) -> Result<(), Error> {
        let loss = judged.loss;
        if !loss.is_finite() {
            return Err(Error::Diverged { step, loss });
        }
        self.loss += loss;
        self.steps += 1;
        self.alpha.resize(judged.alpha.len().max(self.alpha.len()), 0.0);
        for (sum, alpha) in self.alpha.iter_mut().zip(&judged.alpha) {
            *sum += alpha;
        }
        Ok(())
    }

    fn loss(&self) -> f32 {
        self.loss / self.steps.max(1) as f32
    }

    fn alpha(&self) -> Vec<f32> {
        self.alpha.iter().map(|sum| sum / self.steps.max(1) as f32).collect()
    }
}

/// Tokens of a block at `gamma` where the `k`-th proposed token is accepted with probability `alpha[k]` (the last one
/// known stands for those after it), each independently: `1 + a_1 + a_1 a_2 + ...`.
fn tau(alpha: &[f32], gamma: i32) -> f32 {
    let mut reached = 1.0;
    let mut tokens = 1.0;
    for k in 0..gamma as usize {
        reached *= alpha.get(k).or(alpha.last()).copied().unwrap_or(0.0);
        tokens += reached;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_is_the_closed_form_where_alpha_is_constant() {
        let (alpha, gamma) = (0.6f32, 4);
        let closed = (1.0 - alpha.powi(gamma + 1)) / (1.0 - alpha);
        assert!((tau(&[alpha], gamma) - closed).abs() < 1e-6);
        assert!((tau(&[0.8, 0.5], 2) - (1.0 + 0.8 + 0.4)).abs() < 1e-6);
    }
}
