//! Speculation on a real GPU: `benches/gpu.rs`, on whatever adapter the system has.

use anyhow::Result;
use xshell::cmd;

use super::Args;
use crate::project::Project;
use crate::shell::run_shown;
use crate::{adapter, setup};

/// Runs the bench. A machine without a GPU fails it, unless `--software` says that lavapipe will do.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    setup::ensure_model(project)?;
    let model = setup::model_path(project);
    let mut cmd = cmd!(project.sh, "cargo bench --locked --bench gpu -- --target {model}").args(flags(args));
    if args.software {
        cmd = adapter::software(project, cmd);
    }
    run_shown("plain decoding and every drafter, in turns", cmd)
}

fn flags(args: &Args) -> Vec<&'static str> {
    let mut flags = Vec::new();
    if args.software {
        flags.push("--software");
    }
    if args.quick {
        flags.extend(["--rounds", "1", "--tokens", "16"]);
    }
    if args.json {
        flags.push("--json");
    }
    flags
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Line::try_parse_from(["bench"].into_iter().chain(line.split_whitespace())).map(|line| line.args)
    }

    #[test]
    fn what_is_asked_reaches_the_bench() {
        let flags = |line| flags(&parse(line).unwrap());
        assert!(flags("--gpu").is_empty());
        assert_eq!(
            flags("--gpu --quick --software --json"),
            ["--software", "--rounds", "1", "--tokens", "16", "--json"]
        );
    }

    #[test]
    fn only_a_gpu_can_be_software_and_peers_have_none() {
        assert!(parse("--software").is_err());
        assert!(parse("--gpu --peers").is_err());
    }
}
