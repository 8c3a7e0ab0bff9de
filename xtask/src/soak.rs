//! `cargo xtask soak`: random generations for a long time, natively or in headless Chromium.

use anyhow::Result;
use xshell::cmd;

use crate::project::Project;
use crate::shell::run_shown;
use crate::{adapter, build, setup};

/// Arguments of `soak`.
#[derive(clap::Args)]
pub struct Args {
    /// How long [default: 30; in the browser 5].
    #[arg(long, value_name = "N")]
    minutes: Option<u32>,
    /// The built package in headless Chromium instead of the library.
    #[arg(long)]
    browser: bool,
}

/// Runs the command: fails where a text was wrong or memory grew.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    setup::ensure_all(project)?;
    if args.browser {
        browser(project, args.minutes.unwrap_or(5))
    } else {
        native(project, args.minutes.unwrap_or(30))
    }
}

fn native(project: &Project, minutes: u32) -> Result<()> {
    let minutes = minutes.to_string();
    let cmd = cmd!(project.sh, "cargo run --locked --release --example soak -- --minutes {minutes}")
        .env(setup::MODEL_VARIABLE, setup::model_path(project));
    run_shown("random generations, aborts and sessions, natively", adapter::software(project, cmd))
}

fn browser(project: &Project, minutes: u32) -> Result<()> {
    build::ensure(project, &build::Args::default())?;
    let minutes = minutes.to_string();
    let cmd = cmd!(project.sh, "node tests/browser/soak.mjs --minutes {minutes}")
        .env(setup::MODEL_VARIABLE, setup::model_path(project));
    run_shown("random generations, aborts and sessions, in headless Chromium", cmd)
}
