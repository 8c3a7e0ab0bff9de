//! The trainer: samples in, a draft out, in a run folder that survives a kill at any moment.
//!
//! A run folder holds `config.json` (the exact configuration), `metrics.jsonl` (a line every few steps), `plots/*.svg`,
//! `checkpoints/<step>/` (each whole or not there), `draft.gguf` (the newest checkpoint's draft) and, where samples were
//! made for this run, `data/`.

mod batch;
mod checkpoint;
mod config;
mod loss;
mod metrics;
pub mod optimizer;
mod plot;
mod relative;
mod schedule;
mod supply;
mod trainer;

pub use batch::{Batch, Batcher};
pub use checkpoint::Checkpoints;
pub use config::Config;
pub use loss::{Judged, Pass, judge};
pub use metrics::{Line, Metrics};
pub use plot::plot;
pub use schedule::learning_rate;
pub use supply::{Speech, Supply};
pub use trainer::{Trainer, Watch};
