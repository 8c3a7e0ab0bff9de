//! The command line, measured.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::cmd;

use super::Task;
use super::figures::{Row, Sample};
use crate::project::Project;
use crate::shell::{run, say};
use crate::{adapter, setup};

/// What `paceline generate --json` prints, as far as it matters here.
#[derive(Deserialize)]
struct Answer {
    device: String,
    #[serde(default)]
    adapter: Option<String>,
    prompt_ids: Vec<u32>,
    token_ids: Vec<u32>,
    stats: Stats,
}

#[derive(Deserialize)]
struct Stats {
    prefill_ms: f64,
    decode_ms: f64,
}

/// Builds the release command line and says where it is.
pub fn build(project: &Project) -> Result<PathBuf> {
    run("the command line, optimized", cmd!(project.sh, "cargo build --locked --release --bin paceline"))?;
    Ok(project.target().join("release/paceline"))
}

/// Plain decoding on `device`.
pub fn measure(project: &Project, program: &Path, task: &Task, device: &str) -> Result<Row> {
    let (model, chat, tokens) = (setup::model_path(project), task.chat, task.tokens.to_string());
    let (mut samples, mut adapter) = (Vec::new(), String::new());
    for _ in 0..task.rounds {
        say(&format!("native, {device}"));
        let cmd = cmd!(
            project.sh,
            "{program} generate --target {model} --draft none --device {device} --chat {chat} --max-tokens {tokens} --json"
        );
        let printed = adapter::software(project, cmd).quiet().read()?;
        let answer: Answer =
            serde_json::from_str(&printed).context("what `paceline generate --json` printed")?;
        let Stats { prefill_ms, decode_ms } = answer.stats;
        samples.push(Sample::new(
            answer.prompt_ids.len(),
            prefill_ms,
            answer.token_ids.len(),
            decode_ms,
            None,
        ));
        adapter = answer.adapter.unwrap_or(answer.device);
    }
    Row::of(&format!("native, {device}"), &adapter, &samples).context("no run was made")
}
