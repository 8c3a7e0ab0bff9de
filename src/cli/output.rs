//! Files that commands write: never over what they read, over other files only with `--force`, and whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// A file that may be written.
pub struct Output {
    path: PathBuf,
    force: bool,
}

impl Output {
    /// Checks, before anything is computed, that `path` is none of `inputs` under whatever name, no file that is there
    /// unless `force` is given, and in a folder that exists.
    pub fn new(path: &Path, force: bool, inputs: &[PathBuf]) -> anyhow::Result<Self> {
        check(path, force, inputs)?;
        let folder = folder_of(path).display();
        ensure!(folder_of(path).is_dir(), "cannot write {}: there is no folder {folder}", path.display());
        Ok(Self { path: path.into(), force })
    }

    /// Writes the file next to its place first, then gives it its name.
    pub fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        replace(&self.path, bytes, self.force)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Checks that `path` is none of `inputs` under whatever name, and no file that is there unless `force` is given.
pub fn check(path: &Path, force: bool, inputs: &[PathBuf]) -> anyhow::Result<()> {
    let shown = path.display();
    // Follows symbolic links and knows hard ones; a file that is not there is no other.
    if let Some(input) = inputs.iter().find(|input| same_file::is_same_file(path, input).unwrap_or(false)) {
        bail!("{shown} would overwrite {}, which is read; write to another file", input.display());
    }
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => bail!("{shown} is a folder; name a file in it"),
        Ok(there) if !there.is_file() => bail!("{shown} is no ordinary file; write to another one"),
        _ => ensure!(
            force || path.symlink_metadata().is_err(),
            "{shown} is there already; write to another file, or overwrite it with --force"
        ),
    }
    Ok(())
}

/// Writes `path` whole, or leaves what was there; over an existing file only with `force`.
pub fn replace(path: &Path, bytes: &[u8], force: bool) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".paceline-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any new file: less what the umask takes away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if force { file.persist(path) } else { file.persist_noclobber(path) }?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
