//! Checkpoints: folders that are there whole or not at all.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;

use crate::learn::draft::Net;
use crate::learn::{Error, files};

/// Checkpoints that are kept: the newest, and one before it.
const KEPT: usize = 2;

/// The checkpoints of a run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Those in `folder`, which is made if need be. Unfinished ones are removed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(folder: PathBuf) -> Result<Self, Error> {
        files::folder(&folder)?;
        for part in files::list(&folder, "part")? {
            std::fs::remove_dir_all(&part).map_err(Error::io(&part))?;
        }
        Ok(Self { folder })
    }

    /// The steps that there are checkpoints of, ascending.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn steps(&self) -> Result<Vec<usize>, Error> {
        let mut steps = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let name = entry.map_err(Error::io(&self.folder))?.file_name();
            steps.extend(name.to_str().and_then(|name| name.parse::<usize>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    fn path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("{step:08}"))
    }

    /// Saves the state after `step` steps.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Run`].
    pub fn save(&self, step: usize, net: &Net, optimizer: &ModuleOptimizer) -> Result<(), Error> {
        let path = self.path(step);
        if path.exists() {
            return Ok(());
        }
        let part = files::beside(&path);
        files::folder(&part)?;
        net.clone().into_record().save(net_file(&part)).map_err(|e| broken(&part, e))?;
        optimizer.save(optimizer_file(&part)).map_err(|e| broken(&part, e))?;
        std::fs::rename(&part, &path).map_err(Error::io(&path))?;
        let steps = self.steps()?;
        for old in &steps[..steps.len().saturating_sub(KEPT)] {
            let old = self.path(*old);
            std::fs::remove_dir_all(&old).map_err(Error::io(&old))?;
        }
        Ok(())
    }

    /// Loads the newest checkpoint into a net and an optimizer of the same shapes; its step. `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Run`] where it cannot be read or is of another net.
    pub fn load(
        &self,
        net: Net,
        optimizer: ModuleOptimizer,
    ) -> Result<Option<(usize, Net, ModuleOptimizer)>, Error> {
        let Some(step) = self.steps()?.pop() else { return Ok(None) };
        let path = self.path(step);
        let record = ModuleRecord::load(net_file(&path)).map_err(|e| broken(&path, e))?;
        let net = net.try_load_record(record).map_err(|e| broken(&path, e))?;
        let optimizer = optimizer.load(optimizer_file(&path)).map_err(|e| broken(&path, e))?;
        Ok(Some((step, net, optimizer)))
    }
}

fn net_file(folder: &Path) -> PathBuf {
    folder.join("net.bpk")
}

fn optimizer_file(folder: &Path) -> PathBuf {
    folder.join("optimizer.bpk")
}

fn broken(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Run { path: path.into(), why: why.to_string() }
}
