//! Checkpoints: folders that are there whole or not at all.

use std::path::{Path, PathBuf};

use crate::learn::core::{Learner, State};
use crate::learn::run::error::Error;
use crate::learn::run::files;

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

    /// Saves what `learner` would go on from.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Run`].
    pub fn save(&self, learner: &Learner) -> Result<(), Error> {
        let path = self.path(learner.steps());
        if path.exists() {
            return Ok(());
        }
        let part = files::beside(&path);
        files::folder(&part)?;
        let state = learner.save().map_err(|e| broken(&part, e))?;
        files::write(&net_file(&part), &state.net)?;
        files::write(&optimizer_file(&part), &state.optimizer)?;
        std::fs::rename(&part, &path).map_err(Error::io(&path))?;
        let steps = self.steps()?;
        for old in &steps[..steps.len().saturating_sub(KEPT)] {
            let old = self.path(*old);
            std::fs::remove_dir_all(&old).map_err(Error::io(&old))?;
        }
        Ok(())
    }

    /// Lets `learner` go on from the newest checkpoint, where there is one.
    ///
    /// # Errors
    /// [`Error::Run`] where it cannot be read or is of another net.
    pub fn restore(&self, learner: &mut Learner) -> Result<(), Error> {
        let Some(steps) = self.steps()?.pop() else { return Ok(()) };
        let path = self.path(steps);
        let read = |file: PathBuf| std::fs::read(file).map_err(|e| broken(&path, e));
        let (net, optimizer) = (read(net_file(&path))?, read(optimizer_file(&path))?);
        learner.restore(State { steps, net, optimizer }).map_err(|e| broken(&path, e))
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
