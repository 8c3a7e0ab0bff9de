//! What several integration tests need.

use std::path::PathBuf;

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
