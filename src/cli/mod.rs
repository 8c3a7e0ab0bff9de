//! What the commands share: arguments, exit codes, how errors are told.

mod arguments;
#[cfg(feature = "learn")]
mod collect;
#[cfg(feature = "learn")]
mod compare;
#[cfg(feature = "learn")]
mod distill;
#[cfg(feature = "learn")]
mod eval;
mod generate;
mod inspect;
mod model_files;
mod output;
mod progress;
mod prune;
mod sampling;
#[cfg(feature = "learn")]
mod speech;
mod tuning;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Speculative decoding: a small draft proposes tokens, the target verifies them, the text is the target's own.
#[derive(Parser)]
#[command(name = "paceline", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Args),
    Generate(Box<generate::Args>),
    Prune(prune::Args),
    #[cfg(feature = "learn")]
    Collect(collect::Args),
    #[cfg(feature = "learn")]
    Distill(Box<distill::Args>),
    #[cfg(feature = "learn")]
    Eval(eval::Args),
    #[cfg(feature = "learn")]
    Compare(compare::Args),
}

/// Runs the command line. Exit codes: 0, 1 for an error, 2 for wrong arguments, 141 where nobody reads the output.
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(arguments::join(&Cli::command(), std::env::args_os()));
    let (json, result) = match cli.command {
        Command::Inspect(args) => (args.json, inspect::run(&args)),
        Command::Generate(args) => (args.json, pollster::block_on(generate::run(&args))),
        Command::Prune(args) => (false, pollster::block_on(prune::run(&args))),
        #[cfg(feature = "learn")]
        Command::Collect(args) => (false, collect::run(&args)),
        #[cfg(feature = "learn")]
        Command::Distill(args) => (false, distill::run(&args)),
        #[cfg(feature = "learn")]
        Command::Eval(args) => (args.json, eval::run(&args)),
        #[cfg(feature = "learn")]
        Command::Compare(args) => (args.json, pollster::block_on(compare::run(&args))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::from(141),
        Err(error) => {
            let message = format!("{error:#}");
            if json {
                let _ = print_json(&serde_json::json!({"error": {"code": code(&error), "message": message}}));
            }
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Help with a line for each thing of a table that can be named.
fn listed(help: &str, lines: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let lines = lines.map(|(name, about)| format!("\n- {name}: {about}"));
    format!("{help}\n\nKnown are:{}", lines.collect::<String>())
}

/// Prints one JSON object and a newline.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;
    Ok(())
}

/// The library's name for the error; `command` for what only the command line knows.
fn code(error: &anyhow::Error) -> &'static str {
    #[cfg(feature = "learn")]
    if let Some(error) = error.downcast_ref::<paceline::learn::run::Error>() {
        return error.code();
    }
    error.downcast_ref().map_or("command", paceline::Error::code)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
