//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::Shell;

/// The folder that `setup` puts the model and the tools into, overriding the user's cache folder.
const CACHE_VARIABLE: &str = "PACELINE_CACHE";

/// The checkout and the folders that belong to it.
pub struct Project {
    /// The repository's root.
    pub root: PathBuf,
    /// What outlives a checkout: the model, tools of a fixed version, peers of the bench.
    pub cache: PathBuf,
    /// A shell standing in `root`.
    pub sh: Shell,
}

impl Project {
    /// Finds the checkout that this xtask was built from.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the xtask folder has no parent")?
            .to_path_buf();
        let cache = match std::env::var_os(CACHE_VARIABLE) {
            Some(folder) => PathBuf::from(folder),
            None => dirs::cache_dir()
                .with_context(|| format!("this system names no cache folder; set {CACHE_VARIABLE} to one"))?
                .join("paceline"),
        };
        let sh = Shell::new()?;
        sh.change_dir(&root);
        Ok(Self { root, cache, sh })
    }

    /// A path inside the checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's output folder.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.path("target"), PathBuf::from)
    }

    /// What xtask remembers about this checkout.
    pub fn state(&self) -> PathBuf {
        self.target().join("xtask")
    }
}
