//! Running other programs, and saying so.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use xshell::Cmd;

/// Runs `cmd` after saying what it is for. Its output goes to standard error.
pub fn run(why: &str, cmd: Cmd<'_>) -> Result<()> {
    execute(why, cmd, Stdio::from(std::io::stderr()))
}

/// The same for a program whose own output is the result, such as a test runner.
pub fn run_shown(why: &str, cmd: Cmd<'_>) -> Result<()> {
    execute(why, cmd, Stdio::inherit())
}

fn execute(why: &str, cmd: Cmd<'_>, stdout: Stdio) -> Result<()> {
    say(why);
    eprintln!("    $ {cmd}");
    let shown = cmd.to_string();
    let status = Command::from(cmd)
        .stdin(Stdio::null())
        .stdout(stdout)
        .status()
        .with_context(|| format!("could not start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// A line about what is going on.
pub fn say(line: &str) {
    eprintln!("==> {line}");
    // A pipe's reader may be gone; that is no reason to stop.
    let _ = std::io::stderr().flush();
}

/// The first line that `program args` prints, or `None` where it is missing or fails.
pub fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}
