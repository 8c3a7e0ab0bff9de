//! The native command line: [`cli`] has one file a command.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
