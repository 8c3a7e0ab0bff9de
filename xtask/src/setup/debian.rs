//! Installing Debian packages.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use xshell::{Cmd, Shell, cmd};

use crate::shell::{first_line, run};

/// Whether every one of `packages` is installed; `None` where there is no dpkg to ask.
pub fn missing(packages: &[&str]) -> Option<Vec<String>> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let listed = String::from_utf8_lossy(&output.stdout);
    let installed = |package: &str| listed.lines().any(|line| line == format!("{package} installed"));
    Some(packages.iter().filter(|p| !installed(p)).map(|p| (*p).to_owned()).collect())
}

/// Installs `packages`, after bringing apt's lists up to date.
pub fn install(sh: &Shell, why: &str, packages: &[&str]) -> Result<()> {
    if first_line("apt-get", &["--version"]).is_none() {
        bail!("there is no apt-get here");
    }
    let _quiet = sh.push_env("DEBIAN_FRONTEND", "noninteractive");
    run("apt's lists may be old or missing", privileged(sh, &["apt-get", "update", "-qq"])?)?;
    let install = privileged(sh, &["apt-get", "install", "-y", "--no-install-recommends"])?;
    run(why, install.args(packages))
}

/// `words` as a command that runs as root: as it is where we are root, else by sudo if it asks for no password.
pub fn privileged<'a>(sh: &'a Shell, words: &[&str]) -> Result<Cmd<'a>> {
    if first_line("id", &["-u"]).as_deref() == Some("0") {
        let (program, rest) = words.split_first().unwrap_or((&"true", &[]));
        return Ok(cmd!(sh, "{program} {rest...}"));
    }
    if first_line("sudo", &["-n", "id", "-u"]).as_deref() == Some("0") {
        return Ok(cmd!(sh, "sudo -n {words...}"));
    }
    bail!("this takes root, and sudo would ask for a password");
}

/// What to type instead.
pub fn by_hand(packages: &[&str]) -> String {
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends {}", packages.join(" "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn unknown_packages_count_as_missing() {
        if let Some(missing) = super::missing(&["dpkg", "paceline-no-such-package"]) {
            assert_eq!(missing, ["paceline-no-such-package"]);
        }
    }
}
