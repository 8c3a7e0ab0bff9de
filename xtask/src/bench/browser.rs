//! The built package and the peer in headless Chromium, through the scripts in `benches/browser`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Cmd, cmd};

use super::Task;
use super::figures::{Row, Sample, Verify};
use crate::project::Project;
use crate::setup;
use crate::shell::say;

/// What a measured page reports.
#[derive(Deserialize)]
pub struct Page {
    runs: Vec<Run>,
    #[serde(default)]
    info: Option<Info>,
    /// Rounds of one and of four rows, where the page measures them.
    #[serde(default)]
    pub verify: Option<Verify>,
}

#[derive(Deserialize)]
struct Info {
    adapter: String,
    threads: usize,
}

#[derive(Deserialize)]
struct Run {
    prompt_tokens: usize,
    prefill_ms: f64,
    tokens: usize,
    decode_ms: f64,
    wall_ms: f64,
    cpu_ms: f64,
}

/// Runs of one engine, from one page or several.
pub struct Runs {
    name: &'static str,
    adapter: String,
    samples: Vec<Sample>,
}

impl Runs {
    /// None yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, adapter: "wasm".into(), samples: Vec::new() }
    }

    /// Adds those of a page.
    pub fn add(&mut self, page: Page) {
        if let Some(info) = page.info {
            self.adapter = match info.threads {
                0 | 1 => info.adapter,
                threads => format!("{}, {threads} threads", info.adapter),
            };
        }
        self.samples.extend(page.runs.iter().map(|run| {
            let cores = (run.cpu_ms > 0.0 && run.wall_ms > 0.0).then(|| run.cpu_ms / run.wall_ms);
            Sample::new(run.prompt_tokens, run.prefill_ms, run.tokens, run.decode_ms, cores)
        }));
    }

    /// Their medians, where there are any.
    pub fn row(&self) -> Option<Row> {
        Row::of(self.name, &self.adapter, &self.samples)
    }
}

/// The built package on `device`, with as many threads as it chooses or so many.
pub fn paceline(
    project: &Project,
    task: &Task,
    device: &str,
    threads: Option<usize>,
    runs: usize,
) -> Result<Page> {
    let (script, package) = (project.path("benches/browser/paceline.mjs"), project.path("pkg/dist"));
    say(&format!("the package in headless Chromium, {device}"));
    let runs = runs.to_string();
    let cmd = cmd!(project.sh, "node {script} --package {package} --device {device} --runs {runs}");
    let threads = threads.map(|threads| ["--threads".into(), threads.to_string()]);
    measure(project, task, cmd.args(threads.into_iter().flatten()))
}

/// wllama, installed in `package`.
pub fn wllama(project: &Project, task: &Task, package: &Path) -> Result<Page> {
    let script = project.path("benches/browser/wllama.mjs");
    say("wllama in headless Chromium, one thread");
    measure(project, task, cmd!(project.sh, "node {script} --package {package} --threads 1 --runs 1"))
}

fn measure(project: &Project, task: &Task, cmd: Cmd<'_>) -> Result<Page> {
    let cmd = cmd.arg("--model").arg(setup::model_path(project));
    let cmd = cmd.args(["--chat", task.chat, "--tokens"]).arg(task.tokens.to_string());
    let printed = cmd.quiet().read()?;
    serde_json::from_str(&printed).context("what the measured page reported")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_add_up_to_a_row() {
        let page = r#"{"engine": "wllama", "threads": 1, "runs": [{"prompt_tokens": 100, "prefill_ms": 500,
            "tokens": 50, "decode_ms": 2500, "wall_ms": 3000, "cpu_ms": 1500, "text": "x"}]}"#;
        let mut runs = Runs::new("peer");
        assert!(runs.row().is_none());
        runs.add(serde_json::from_str(page).unwrap());
        let row = runs.row().unwrap();
        assert_eq!((row.decode_tokens_per_second, row.prefill_tokens_per_second), (20.0, 200.0));
        assert_eq!(row.cores, Some(0.5));
    }
}
