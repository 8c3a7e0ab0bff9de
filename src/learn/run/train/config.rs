//! Everything that a run depends on: `config.json`.

use std::path::{Path, PathBuf};

use crate::learn::core::draft::Shape;
use crate::learn::core::{Pass, Schedule, Settings};
use crate::learn::run::error::Error;
use crate::learn::run::files;

/// What a run does. Two runs of equal configurations on equal data are equal.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// What the target's file calls itself.
    pub target: String,
    /// Fingerprint of its tokenizer.
    pub tokenizer: u64,
    /// The draft's shape.
    pub shape: Shape,
    /// Target ids that it predicts; empty for all.
    pub ids: Vec<u32>,
    /// Where its weights came from: `random`, `target` and its layers, or a file.
    pub init: String,
    /// Folders of the samples that it learns from.
    #[serde(default)]
    pub data: Vec<PathBuf>,
    /// A name of [`crate::learn::core::divergence::DIVERGENCES`].
    pub divergence: String,
    /// Parameter of those divergences that have one.
    pub beta: f32,
    /// A name of [`crate::learn::core::STRATEGIES`].
    pub strategy: String,
    /// Share of the draft's own text in mixed strategies.
    pub lambda: f32,
    /// A name of [`crate::learn::core::optimizer::OPTIMIZERS`].
    #[serde(default = "adamw")]
    pub optimizer: String,
    /// Whether only the draft's last layer learns (stage S of G2SD, arXiv 2302.14771).
    #[serde(default)]
    pub last_layer: bool,
    /// Share of the inputs that the draft does not see while it learns (stage G of G2SD).
    #[serde(default)]
    pub mask: f32,
    /// Steps of the optimizer.
    pub steps: usize,
    /// Sequences of a step.
    pub batch: usize,
    /// Tokens of a sequence, longer ones are cut.
    pub length: usize,
    /// Peak learning rate: the share of itself by which a weight changes in a step.
    pub lr: f64,
    /// Steps up to the peak.
    pub warmup: usize,
    /// Passes over each sequence: 1, or more where the draft also learns to go on from its own states.
    pub unroll: usize,
    /// What each further pass weighs, relative to the one before.
    pub unroll_decay: f32,
    /// Weight of the distance between the draft's states and the target's next ones (stage G of G2SD, arXiv 2302.14771).
    pub feature_weight: f32,
    /// Steps between two looks for new samples, and between two generations of the draft's own text.
    pub refresh: usize,
    /// Seed of the weights and of the order of samples.
    pub seed: u64,
}

/// The optimizer of runs that were begun when there was no other.
fn adamw() -> String {
    "adamw".into()
}

impl Config {
    /// What the learner needs to know of it.
    pub fn settings(&self) -> Settings {
        Settings {
            divergence: self.divergence.clone(),
            beta: self.beta,
            optimizer: self.optimizer.clone(),
            schedule: Schedule { peak: self.lr, warmup: self.warmup, steps: self.steps },
            pass: Pass { unroll: self.unroll, decay: self.unroll_decay, feature: self.feature_weight },
            last_layer: self.last_layer,
            mask: self.mask,
            length: self.length,
            at_a_time: 0,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::Run { path: path.into(), why: e.to_string() })?;
        text.push(b'\n');
        files::write(path, &text)
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Run`] where it is no configuration.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Run { path: path.into(), why: e.to_string() })
    }
}
