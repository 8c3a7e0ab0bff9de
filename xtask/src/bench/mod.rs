//! `cargo xtask bench`: what decoding costs here, natively and in headless Chromium, beside a peer.
//!
//! Figures of a shared machine mean little alone, so its load stands beside them, every run says how many cores it
//! got, and engines that are compared take turns.

mod browser;
mod figures;
mod gpu;
mod machine;
mod native;
mod peers;

use anyhow::Result;
use serde::Serialize;
use xshell::cmd;

use crate::project::Project;
use crate::shell::{run_shown, say};
use crate::{adapter, build, setup};
use figures::{Claim, Row};
use machine::Machine;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Also runs wllama on the same model, prompt and token count (installs it from npm into the cache folder).
    #[arg(long)]
    peers: bool,
    /// One run of 16 tokens instead of three of 64, and no kernels: whether it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object instead of tables, and leaves the kernels out.
    #[arg(long)]
    json: bool,
    /// Measures this machine's GPU instead: plain decoding, every drafter, several gammas, reading prompts.
    #[arg(long, conflicts_with = "peers")]
    gpu: bool,
    /// With --gpu: takes a software adapter, to see whether the bench works.
    #[arg(long, requires = "gpu")]
    software: bool,
}

/// What is asked of every engine.
struct Task {
    chat: &'static str,
    tokens: usize,
    rounds: usize,
}

const CHAT: &str = "Explain to a curious ten-year-old how the Moon causes the tides in the sea. Say what gravity is, \
    why there are usually two high tides each day and not one, what spring tides and neap tides are, and how people \
    who live by the sea make use of the tides. Use short sentences and one example from daily life in each paragraph.";

/// All figures.
#[derive(Serialize)]
struct Report {
    before: Machine,
    after: Machine,
    tokens: usize,
    rows: Vec<Row>,
    claims: Vec<Claim>,
}

/// Runs the command.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    if args.gpu {
        return gpu::run(project, args);
    }
    setup::ensure_all(project)?;
    build::ensure(project, &build::Args::default())?;
    let command_line = native::build(project)?;
    let wllama = args.peers.then(|| peers::wllama(project)).transpose()?;
    let task =
        Task { chat: CHAT, tokens: if args.quick { 16 } else { 64 }, rounds: if args.quick { 1 } else { 3 } };

    let before = Machine::look();
    say(&format!("{before}"));
    let mut rows = Vec::new();
    for device in ["cpu", "webgpu"] {
        rows.push(native::measure(project, &command_line, &task, device)?);
    }
    // In turns, so that a change of load meets all of them.
    let mut ours = browser::Runs::new("browser, cpu, 1 thread");
    let mut team = browser::Runs::new("browser, cpu");
    let mut theirs = browser::Runs::new(peers::NAME);
    for _ in 0..task.rounds {
        ours.add(browser::paceline(project, &task, "cpu", Some(1), 1)?);
        team.add(browser::paceline(project, &task, "cpu", None, 1)?);
        if let Some(package) = &wllama {
            theirs.add(browser::wllama(project, &task, package)?);
        }
    }
    let gpu = browser::paceline(project, &task, "webgpu", None, task.rounds)?;
    let verify = gpu.verify;
    let mut on_gpu = browser::Runs::new("browser, webgpu");
    on_gpu.add(gpu);

    let (ours, team, theirs, on_gpu) = (ours.row(), team.row(), theirs.row(), on_gpu.row());
    let claims =
        figures::claims(ours.as_ref(), team.as_ref(), theirs.as_ref(), on_gpu.as_ref(), verify.as_ref());
    rows.extend([ours, team, on_gpu, theirs].into_iter().flatten());
    let report = Report { before, after: Machine::look(), tokens: task.tokens, rows, claims };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    print!("{}", report.text());
    if args.quick {
        return Ok(());
    }
    let cmd = cmd!(project.sh, "cargo bench --locked --bench speculation");
    run_shown("what speculation and rounds in flight are worth", adapter::software(project, cmd))?;
    kernels(project)
}

impl Report {
    fn text(&self) -> String {
        let mut text = format!("\nbefore  {}\nafter   {}\n\n{}", self.before, self.after, Row::heading());
        for row in &self.rows {
            text += &row.line();
        }
        text += &format!(
            "\n{} tokens generated; medians; \"cores\" is processor time over elapsed time\n\n",
            self.tokens
        );
        for claim in &self.claims {
            text += &claim.line();
        }
        text
    }
}

/// Kernel by kernel, against the machine's own copy bandwidth and arithmetic rate.
fn kernels(project: &Project) -> Result<()> {
    if !project.path("benches/kernels.rs").is_file() {
        return Ok(());
    }
    let cmd = cmd!(project.sh, "cargo bench --locked --bench kernels");
    run_shown("each kernel's fraction of what the adapter can do", adapter::software(project, cmd))
}
