//! Files that are there whole or not at all.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::Error;

/// Writes next to `path` first, flushes to the disk, then takes the name: a kill at any moment leaves the old file or the
/// new one.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = beside(path);
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(|error| {
        // Whatever there is of it: the first error is the one to tell.
        let _ = std::fs::remove_file(&part);
        Error::io(path)(error)
    })
}

/// The name that something has until it is whole.
pub fn beside(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`Error::Io`].
pub fn folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::io(path))
}

/// The entries of a folder whose names end in `.extension`, in the order of their names.
///
/// # Errors
/// [`Error::Io`].
pub fn list(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.extension().is_some_and(|e| e == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
