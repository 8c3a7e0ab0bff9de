//! `cargo xtask bench`.
use crate::project::Project;
use anyhow::Result;
/// Arguments of `bench`.
#[derive(clap::Args)]
pub struct Args {}
/// Runs the command.
pub fn run(_: &Project, _: &Args) -> Result<()> {
    Ok(())
}
