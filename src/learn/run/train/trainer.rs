//! The loop: draw samples, take a step; now and then look at what is kept back and save.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::checkpoint::Checkpoints;
use super::config::Config;
use super::metrics::{Line, Metrics};
use super::plot::plot;
use crate::gguf::{Format, Metadata};
use crate::learn::core::draft::Student;
use crate::learn::core::{Learner, Mix, Pools, Sample, Step, Strategy};
use crate::learn::run::error::Error;
use crate::learn::run::files;

/// Steps between two lines of metrics.
const LOG_STEPS: usize = 10;
/// Gamma of the tau in the metrics.
const TAU_GAMMA: i32 = 4;

/// What the caller of a run sees and supplies.
pub trait Watch {
    /// Brings the pools up to date: before the first step and every [`Config::refresh`] steps. The draft may say something
    /// itself.
    ///
    /// # Errors
    /// What collecting samples reports.
    fn refresh(&mut self, learner: &Learner, pools: &mut Pools) -> Result<(), Error>;

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
    learner: Learner,
    mix: Mix,
    checkpoints: Checkpoints,
    metrics: Metrics,
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
    /// [`Error::Io`], [`Error::Run`]; [`crate::learn::core::Error::Unknown`] where the configuration names what there is not.
    pub fn open(
        folder: &Path,
        config: Config,
        student: Student,
        target: Metadata,
        (save_every, format): (usize, Format),
    ) -> Result<Self, Error> {
        let mix = (Strategy::by_name(&config.strategy)?.mix)(config.lambda);
        let mut learner = Learner::new(student, config.settings())?;
        let checkpoints = Checkpoints::open(folder.join("checkpoints"))?;
        checkpoints.restore(&mut learner)?;
        let metrics = Metrics::open(folder.join("metrics.jsonl"), learner.steps())?;
        let folder = folder.into();
        Ok(Self { folder, config, learner, mix, checkpoints, metrics, save_every, target, format })
    }

    /// What learns, as it is now.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Lines of metrics so far.
    pub fn lines(&self) -> &[Line] {
        self.metrics.lines()
    }

    /// Trains to the last step, or until `watch` stops it.
    ///
    /// # Errors
    /// [`Error::Diverged`] where the loss is no number; [`crate::learn::core::Error::Shape`] where there are no samples; what
    /// `watch` reports; [`Error::Io`].
    pub fn run(&mut self, watch: &mut dyn Watch) -> Result<(), Error> {
        let mut pools = Pools::default();
        let mut since = Since::default();
        let before = self.metrics.lines().last().cloned().unwrap_or_default();
        let (began, mut collecting) = (Instant::now(), before.collecting);
        let mut rows = before.rows;
        let first = self.learner.steps();
        while self.learner.steps() < self.config.steps {
            let at = self.learner.steps();
            if at == first || at.is_multiple_of(self.config.refresh.max(1)) {
                let began = Instant::now();
                watch.refresh(&self.learner, &mut pools)?;
                collecting += began.elapsed().as_secs_f64();
            }
            // A step depends on the seed, its number and the pools alone.
            let mut random = fastrand::Rng::with_seed(self.config.seed.wrapping_add((at as u64) << 20));
            let samples = self.draw(&pools, &mut random)?;
            let step = self.learner.step(&samples, &mut random).map_err(Error::from)?;
            rows += step.rows as u64;
            since.add(&step);

            let done = self.learner.steps();
            let save = done == self.config.steps || done.is_multiple_of(self.save_every.max(1));
            if save || done.is_multiple_of(LOG_STEPS) {
                let held_out = if save { self.judge(watch.held_out()) } else { Vec::new() };
                let line = Line {
                    step: done,
                    loss: since.loss(),
                    alpha: since.alpha(),
                    tau: (!held_out.is_empty()).then(|| tau(&held_out, TAU_GAMMA)),
                    held_out,
                    lr: step.learning_rate,
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

    /// The samples of a step.
    fn draw<'p>(&self, pools: &'p Pools, random: &mut fastrand::Rng) -> Result<Vec<&'p Sample>, Error> {
        let samples: Vec<&Sample> =
            (0..self.config.batch).filter_map(|_| pools.draw(self.mix, random)).collect();
        if samples.is_empty() {
            let strategy = &self.config.strategy;
            return Err(Error::shape(format!(
                "there are no samples that the strategy {strategy:?} learns from"
            )));
        }
        Ok(samples)
    }

    /// The mean acceptance of each pass on samples that are kept back.
    fn judge(&self, samples: &[Sample]) -> Vec<f32> {
        self.learner.judge(samples, self.config.batch.max(1), &mut fastrand::Rng::with_seed(0))
    }

    fn save(&self) -> Result<(), Error> {
        self.checkpoints.save(&self.learner)?;
        let name = format!("draft for {} ({} steps)", self.config.target, self.learner.steps());
        let bytes = self.learner.export(self.format, &name, &self.target)?;
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
    fn add(&mut self, step: &Step) {
        if step.rows == 0 {
            return;
        }
        self.loss += step.loss;
        self.steps += 1;
        self.alpha.resize(step.alpha.len().max(self.alpha.len()), 0.0);
        for (sum, alpha) in self.alpha.iter_mut().zip(&step.alpha) {
            *sum += alpha;
        }
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
