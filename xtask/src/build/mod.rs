//! `cargo xtask build`: Rust to wasm, wasm to the npm package, the package to the page.

mod memory;
mod sizes;
mod wasm;

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::cmd;

use crate::fingerprint::{self, Stamp};
use crate::project::Project;
use crate::shell::{run as execute, say};

/// Arguments of `build`.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Compiles fast and skips the optimizer and the size check; runs slower.
    #[arg(long)]
    dev: bool,
    /// Builds even where nothing has changed.
    #[arg(long)]
    force: bool,
    /// Builds the engine with its test rigs alone, for the browser tests.
    #[arg(long, conflicts_with_all = ["dev", "force"])]
    rigs: bool,
}

/// What the build reads.
const INPUTS: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "src",
    "pkg",
    "www",
    "models",
    "package.json",
    "package-lock.json",
    "xtask/src/build",
];
/// What lies among the inputs and is none.
const OUTPUTS: [&str; 4] = ["dist", "wasm", "node_modules", "tests"];
/// What is there once the build is done.
const RESULTS: [&str; 5] = [
    "pkg/dist/index.js",
    "pkg/dist/paceline_bg.wasm",
    "pkg/dist/paceline_threads_bg.wasm",
    "www/dist/index.html",
    "www/dist/models/draft.gguf",
];
/// The draft that the page offers.
const DRAFT: &str = "models/SmolLM2-135M-Instruct.draft.gguf";

/// Builds and says how large the outcome is.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    if args.rigs {
        return with_rigs(project);
    }
    ensure(project, args)?;
    if args.dev {
        return Ok(());
    }
    let sizes = sizes::measure(&[project.path("pkg/dist"), project.path("www/dist/assets")])?;
    print!("{}", sizes::table(&sizes, &project.root));
    sizes::check(&sizes)
}

/// Builds the engine with its test rigs.
pub fn with_rigs(project: &Project) -> Result<()> {
    wasm::build_with_rigs(project)
}

/// Builds where something has changed since the last time.
pub fn ensure(project: &Project, args: &Args) -> Result<()> {
    let inputs: Vec<PathBuf> = INPUTS.iter().map(|input| project.path(input)).collect();
    let kind = if args.dev { "dev" } else { "release" };
    let wanted = format!("{kind} {}", fingerprint::of(&inputs, &OUTPUTS)?);
    let stamp = Stamp::at(project.state().join("build"));
    let built = RESULTS.iter().all(|result| project.path(result).is_file());
    if built && stamp.holds(&wanted) && !args.force {
        say(&format!("the {kind} build is up to date"));
        return Ok(());
    }
    stamp.clear();
    wasm::build(project, args.dev, args.force)?;
    execute("the npm package, into pkg/dist", cmd!(project.sh, "npm run build -w pkg"))?;
    execute("the demo page, into www/dist", cmd!(project.sh, "npm run build -w www"))?;
    copy_draft(project)?;
    stamp.write(&wanted)
}

/// The draft goes with the page: it is small, and any static host then serves both.
fn copy_draft(project: &Project) -> Result<()> {
    let to = project.path("www/dist/models");
    say("the draft, into www/dist/models");
    std::fs::create_dir_all(&to).with_context(|| format!("{}", to.display()))?;
    std::fs::copy(project.path(DRAFT), to.join("draft.gguf")).with_context(|| DRAFT.to_string())?;
    Ok(())
}
