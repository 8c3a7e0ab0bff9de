//! wasm-bindgen's command-line tool, at exactly the version that the engine links.

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::cmd;

use super::{Need, Status};
use crate::project::Project;
use crate::shell::{first_line, run};

/// The tool.
pub struct WasmBindgen;

/// Where a `wasm-bindgen` of the right version is: on the path, or where `setup` puts it.
pub fn find(project: &Project) -> Result<Option<PathBuf>> {
    let version = locked_version(project)?;
    let right = |program: &PathBuf| {
        first_line(&program.to_string_lossy(), &["--version"])
            .is_some_and(|line| line.split_whitespace().nth(1) == Some(&version))
    };
    Ok([PathBuf::from("wasm-bindgen"), own_folder(project, &version).join("bin/wasm-bindgen")]
        .into_iter()
        .find(right))
}

/// Apart from `~/.cargo/bin`, where another project may count on another version.
fn own_folder(project: &Project, version: &str) -> PathBuf {
    project.cache.join(format!("wasm-bindgen-{version}"))
}

fn locked_version(project: &Project) -> Result<String> {
    let lock = std::fs::read_to_string(project.path("Cargo.lock")).context("reading Cargo.lock")?;
    version_in_lock(&lock, "wasm-bindgen").context("Cargo.lock does not name wasm-bindgen")
}

/// The version of `package` in the text of a Cargo.lock.
fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.next()?;
    Some(lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

impl Need for WasmBindgen {
    fn name(&self) -> &'static str {
        "wasm-bindgen"
    }

    fn why(&self) -> &'static str {
        "to write the engine's JavaScript glue; its format changes with every version"
    }

    fn status(&self, project: &Project) -> Result<Status> {
        let version = locked_version(project)?;
        Ok(match find(project)? {
            Some(path) => Status::Present(format!("{version} ({})", path.display())),
            None => Status::Missing(format!("there is no wasm-bindgen {version}")),
        })
    }

    fn install(&self, project: &Project) -> Result<()> {
        let version = locked_version(project)?;
        let root = own_folder(project, &version);
        // Outside the checkout: its target flags are not for this tool.
        let _away = project.sh.push_dir(std::env::temp_dir());
        run(
            "compiles for some minutes, once",
            cmd!(project.sh, "cargo install wasm-bindgen-cli --version {version} --root {root} --no-track"),
        )
    }

    fn by_hand(&self, project: &Project) -> String {
        let version = locked_version(project).unwrap_or_default();
        format!("cargo install wasm-bindgen-cli --version {version}")
    }
}

#[cfg(test)]
mod tests {
    use super::version_in_lock;

    #[test]
    fn the_locked_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in_lock(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in_lock(lock, "wasm-bindgen-cli"), None);
    }
}
