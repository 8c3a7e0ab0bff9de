//! Other engines, installed from npm apart from the project.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use xshell::cmd;

use crate::project::Project;
use crate::shell::run;

const WLLAMA: &str = "@wllama/wllama";
const WLLAMA_VERSION: &str = "3.8.1";
/// wllama's row in the table.
pub const NAME: &str = "wllama 3.8.1, cpu, 1 thread";

/// Where wllama is; installs it first where it is not.
pub fn wllama(project: &Project) -> Result<PathBuf> {
    let folder = project.cache.join(format!("peers/wllama-{WLLAMA_VERSION}"));
    let package = folder.join("node_modules").join(WLLAMA);
    if !package.join("esm/index.js").is_file() {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), "{ \"private\": true }\n")?;
        let _there = project.sh.push_dir(&folder);
        run(
            "llama.cpp in wasm, to compare with",
            cmd!(project.sh, "npm install --no-audit --no-fund {WLLAMA}@{WLLAMA_VERSION}"),
        )?;
    }
    Ok(package)
}
