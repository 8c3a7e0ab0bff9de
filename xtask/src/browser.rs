//! `cargo xtask browser`: the command line of `paceline`, answered by the built package in headless Chromium.

use anyhow::Result;
use xshell::cmd;

use crate::project::Project;
use crate::shell::run_shown;
use crate::{build, setup};

/// Arguments of `browser`.
#[derive(clap::Args)]
pub struct Args {
    /// `generate` and its flags, as for `paceline generate`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Runs the command. What the browser answers goes to standard output untouched.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    setup::ensure_all(project)?;
    build::ensure(project, &build::Args::default())?;
    let (words, root) = (&args.words, &project.root);
    // Relative paths count from where the user stands.
    project.sh.change_dir(std::env::current_dir()?);
    let script = root.join("tests/browser/generate.mjs");
    run_shown("the built package, in headless Chromium", cmd!(project.sh, "node {script} {words...}"))
}
