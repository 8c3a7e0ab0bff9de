//! `cargo xtask`: set-up, build, demo, tests and benches behind one command.
//!
//! Every external step is printed with what it runs and why. All chatter goes to standard error; standard output is
//! for results (the JSON of `browser`, the figures of `bench`, the checks of `test`).

mod adapter;
mod bench;
mod browser;
mod build;
mod demo;
mod fingerprint;
mod project;
mod serve;
mod setup;
mod shell;
mod soak;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, build, demo, tests and benches of Paceline.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks what the project needs and installs what is missing.
    Setup(setup::Args),
    /// Builds the wasm engine, the npm package and the demo page; prints their sizes.
    Build(build::Args),
    /// Sets up, builds and serves the demo page on localhost.
    Demo(demo::Args),
    /// Runs every check.
    Test(test::Args),
    /// Runs the built package in headless Chromium: `browser -- generate <flags of paceline generate> --json`.
    Browser(browser::Args),
    /// Measures decoding natively and in headless Chromium.
    Bench(bench::Args),
    /// Generates at random for a long time: no wrong text, no growing memory.
    Soak(soak::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let project = project::Project::find()?;
    match command {
        Command::Setup(args) => setup::run(&project, &args),
        Command::Build(args) => build::run(&project, &args),
        Command::Demo(args) => demo::run(&project, &args),
        Command::Test(args) => test::run(&project, &args),
        Command::Browser(args) => browser::run(&project, &args),
        Command::Bench(args) => bench::run(&project, &args),
        Command::Soak(args) => soak::run(&project, &args),
    }
}
