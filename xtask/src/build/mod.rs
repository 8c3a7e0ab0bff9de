//! `cargo xtask build`: Rust to wasm, wasm to the npm package, the package to the page.

mod sizes;
mod wasm;

use std::path::PathBuf;

use anyhow::Result;
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
}

/// What the build reads.
const INPUTS: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "src",
    "pkg",
    "www",
    "package.json",
    "package-lock.json",
    "xtask/src/build",
];
/// What lies among the inputs and is none.
const OUTPUTS: [&str; 4] = ["dist", "wasm", "node_modules", "tests"];
/// What is there once the build is done.
const RESULTS: [&str; 3] = ["pkg/dist/index.js", "pkg/dist/paceline_bg.wasm", "www/dist/index.html"];

/// Builds and says how large the outcome is.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    ensure(project, args)?;
    if args.dev {
        return Ok(());
    }
    let sizes = sizes::measure(&[project.path("pkg/dist"), project.path("www/dist/assets")])?;
    print!("{}", sizes::table(&sizes, &project.root));
    sizes::check(&sizes)
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
    stamp.write(&wanted)
}
