//! What several integration tests need.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};

/// SmolLM2-135M-Instruct in Q4_1: the file named by `PACELINE_MODEL`, or the one that `cargo xtask setup` fetches.
///
/// # Panics
/// When there is none: tests that need it fail, they do not skip.
pub fn real_model() -> PathBuf {
    let cached = || Some(dirs::cache_dir()?.join("paceline").join("SmolLM2-135M-Instruct.Q4_1.gguf"));
    let path = std::env::var_os("PACELINE_MODEL").map(PathBuf::from).or_else(cached);
    match path {
        Some(path) if path.is_file() => path,
        Some(path) => panic!("there is no model at {}: run cargo xtask setup", path.display()),
        None => panic!("this user has no cache directory: set PACELINE_MODEL to the model's path"),
    }
}

/// Log-probability by which the reference's best id must lead for its choice to be binding.
pub const MARGIN: f32 = 0.02;

/// A greedy run of float32 transformers.
#[derive(Debug, serde::Deserialize)]
pub struct Run {
    pub question_id: u32,
    pub prompt: String,
    pub prompt_ids: Vec<u32>,
    pub ids: Vec<u32>,
    /// The three best ids of each step with their log-probabilities.
    pub top3: Vec<Vec<(u32, f32)>>,
}

impl Run {
    /// Steps before the first that rounding may decide.
    pub fn certain_steps(&self) -> usize {
        let decided = |top: &&Vec<(u32, f32)>| top[0].1 - top[1].1 >= MARGIN;
        self.top3.iter().take_while(decided).count()
    }
}

/// The runs of `greedy_reference.json` in `PACELINE_SHARED`, or in `tests/fixtures`.
///
/// # Panics
/// When there is none: tests that need it fail, they do not skip.
pub fn reference_runs() -> Vec<Run> {
    #[derive(serde::Deserialize)]
    struct Reference {
        runs: Vec<Run>,
    }
    let folder = std::env::var_os("PACELINE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), PathBuf::from);
    let path = folder.join("greedy_reference.json");
    let text = std::fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; set PACELINE_SHARED to its folder", path.display()));
    let reference: Reference = serde_json::from_slice(&text).expect("runs");
    reference.runs
}
