//! The trainer: samples in, a draft out, in a run folder that survives a kill at any moment.
//!
//! A run folder holds `config.json` (the exact configuration), `metrics.jsonl` (a line every few steps), `plots/*.svg`,
//! `checkpoints/<step>/` (each whole or not there), `draft.gguf` (the newest checkpoint's draft) and, where samples were
//! made for this run, `data/`.

mod checkpoint;
mod config;
mod metrics;
mod plot;
mod supply;
mod trainer;

pub use checkpoint::Checkpoints;
pub use config::Config;
pub use metrics::{Line, Metrics};
pub use plot::plot;
pub use supply::{Speech, Supply};
pub use trainer::{Trainer, Watch};
