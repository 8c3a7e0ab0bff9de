//! `cargo xtask test`: every check, in order, each with a heading; all run even where one fails.

mod licences;
mod structure;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xshell::cmd;

use crate::project::Project;
use crate::setup::{self, TARGET};
use crate::shell::run_shown;
use crate::{adapter, build};

/// Arguments of `test`.
#[derive(clap::Args)]
pub struct Args {
    /// Runs these checks alone (see --list), after nothing else.
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = names())]
    only: Vec<String>,
    /// Lists the checks.
    #[arg(long)]
    list: bool,
}

/// One check.
struct Check {
    name: &'static str,
    what: &'static str,
    run: fn(&Project) -> Result<()>,
}

/// All of them, what fails fast first.
const CHECKS: [Check; 10] = [
    Check { name: "setup", what: "what the project needs is on the machine", run: setup::ensure_all },
    Check { name: "format", what: "rustfmt changes nothing", run: format },
    Check {
        name: "structure",
        what: "modules form no circle, files are short, comments name what there is, the map is true",
        run: structure::check,
    },
    Check { name: "licences", what: "every dependency's licence is in deny.toml", run: licences::check },
    Check {
        name: "lint",
        what: "clippy has nothing to say, natively and for the browser, with and without distillation",
        run: lint,
    },
    Check { name: "docs", what: "the documentation builds without a warning", run: docs },
    Check { name: "native", what: "the Rust tests, with WebGPU on a software adapter", run: native },
    Check {
        name: "build",
        what: "the package and the page build, and the engine is small enough",
        run: built,
    },
    Check {
        name: "package",
        what: "the npm package's and the page's types, form and unit tests; what would be published",
        run: package,
    },
    Check { name: "browser", what: "the built package and page in headless Chromium", run: browser },
];

fn names() -> clap::builder::PossibleValuesParser {
    CHECKS.map(|check| check.name).into()
}

/// Runs the command.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    if args.list {
        for check in &CHECKS {
            println!("{:<9} {}", check.name, check.what);
        }
        return Ok(());
    }
    let chosen = CHECKS.iter().filter(|c| args.only.is_empty() || args.only.iter().any(|n| n == c.name));
    let mut outcomes = Vec::new();
    for check in chosen {
        println!("\n=== {}: {} ===", check.name, check.what);
        let started = Instant::now();
        let outcome = (check.run)(project);
        if let Err(error) = &outcome {
            println!("FAILED {}: {error:#}", check.name);
        }
        outcomes.push((check.name, outcome.is_ok(), started.elapsed()));
    }
    print!("\n{}", summary(&outcomes));
    match outcomes.iter().filter(|(_, passed, _)| !passed).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} checks failed", outcomes.len()),
    }
}

fn summary(outcomes: &[(&str, bool, Duration)]) -> String {
    let mut text = String::from("check      outcome   seconds\n");
    for (name, passed, time) in outcomes {
        let outcome = if *passed { "passed" } else { "FAILED" };
        text += &format!("{name:<10} {outcome:<8} {:>8.1}\n", time.as_secs_f64());
    }
    text
}

fn format(project: &Project) -> Result<()> {
    run_shown("rustfmt.toml is the rule", cmd!(project.sh, "cargo fmt --all --check"))
}

fn lint(project: &Project) -> Result<()> {
    let sh = &project.sh;
    let plain = run_shown(
        "library, command line, tests, benches, xtask",
        cmd!(sh, "cargo clippy --locked --workspace --all-targets -- -D warnings"),
    );
    let learn = run_shown(
        "library, command line and tests with distillation",
        cmd!(sh, "cargo clippy --locked --features learn --lib --bins --tests -- -D warnings"),
    );
    let toolchain = setup::wasm_toolchain().context("no compiler here builds for the browser")?;
    let web = cmd!(sh, "cargo clippy --locked --lib --no-default-features --target {TARGET} -- -D warnings")
        .env_remove("RUSTFLAGS");
    // Debian's compiler comes without clippy; the build is then the check.
    let web = match toolchain {
        setup::Toolchain::Default => run_shown("the library as the browser gets it", web),
        setup::Toolchain::Debian => Ok(()),
    };
    let core =
        cmd!(sh, "cargo check --locked --target {TARGET} --no-default-features --features learn-core --lib")
            .env_remove("RUSTFLAGS");
    let core = run_shown("what learns without files, as the browser gets it", toolchain.applied_to(core));
    plain.and(learn).and(web).and(core)
}

fn docs(project: &Project) -> Result<()> {
    let cmd = cmd!(project.sh, "cargo doc --locked --workspace --no-deps --document-private-items --quiet");
    // Private items are documented too, so links to them are no mistake.
    run_shown(
        "a broken link is an error",
        cmd.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"),
    )
}

/// With distillation, since burn takes minutes to compile, and what it shares with the rest would take them twice; that
/// all works without it, `lint` and the browser's tests see. Package by package, since together they would share features
/// that neither has alone, and compile once more.
fn native(project: &Project) -> Result<()> {
    let sh = &project.sh;
    let tests = cmd!(sh, "cargo test --locked --package paceline --features learn --no-fail-fast")
        .env(setup::MODEL_VARIABLE, setup::model_path(project))
        // Tests run side by side, on small models: lavapipe's threads would wait for one another more than they compute.
        .env("LP_NUM_THREADS", "0");
    let tests = run_shown("unit, integration and documentation tests", adapter::software(project, tests));
    tests.and(run_shown("those of these commands", cmd!(sh, "cargo test --locked --package xtask")))
}

fn built(project: &Project) -> Result<()> {
    build::run(project, &build::Args::default())
}

fn package(project: &Project) -> Result<()> {
    let sh = &project.sh;
    let form = run_shown("form and types", cmd!(sh, "npm run check"));
    let unit = run_shown("unit tests", cmd!(sh, "npm test"));
    let published = run_shown(
        "form, types and size of what would be published",
        cmd!(sh, "npm run check:package -w pkg"),
    );
    let reference = run_shown("docs/api.md is that of the types", cmd!(sh, "npm run check:api -w pkg"));
    form.and(unit).and(published).and(reference)
}

fn browser(project: &Project) -> Result<()> {
    build::with_rigs(project)?;
    let cmd = cmd!(project.sh, "npm run test:browser").env(setup::MODEL_VARIABLE, setup::model_path(project));
    run_shown("end to end", cmd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_shows_every_check() {
        let outcomes =
            [("setup", true, Duration::from_millis(1250)), ("native", false, Duration::from_secs(90))];
        assert_eq!(
            summary(&outcomes),
            "check      outcome   seconds\n\
             setup      passed        1.2\n\
             native     FAILED       90.0\n"
        );
    }

    #[test]
    fn names_are_unique() {
        let mut names = CHECKS.map(|check| check.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
