//! A model on the command line: the only place that knows which files an argument means.

use std::ffi::{OsStr, OsString};
use std::path::{Display, Path, PathBuf};

use paceline::gguf::{shard_name, split_name};
use paceline::source::{Error, FileSource};

/// The name of a model's file, of any file of a split one (`NAME-00001-of-00003.gguf`, the others lie beside it), or a
/// pattern such as `'NAME-*.gguf'` that all its files match.
#[derive(Debug, Clone)]
pub struct ModelFiles(PathBuf);

impl From<OsString> for ModelFiles {
    fn from(argument: OsString) -> Self {
        Self(argument.into())
    }
}

impl ModelFiles {
    /// The argument, for people.
    pub fn display(&self) -> Display<'_> {
        self.0.display()
    }

    /// The files that are there. Whether they are all, only they themselves know.
    ///
    /// # Errors
    /// [`Error::Io`] where no file matches a pattern.
    pub fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        if self.0.exists() {
            return Ok(with_siblings(&self.0));
        }
        let pattern = self.0.to_str().filter(|text| text.contains(['*', '?', '[']));
        let Some(pattern) = pattern else { return Ok(with_siblings(&self.0)) };
        let fail = |why: String| Error::Io(format!("{pattern}: {why}"));
        let matches = glob::glob(pattern).map_err(|e| fail(e.to_string()))?;
        let matches: Vec<PathBuf> = matches.collect::<Result<_, _>>().map_err(|e| fail(e.to_string()))?;
        match &matches[..] {
            [] => Err(fail("no file matches".into())),
            [one] => Ok(with_siblings(one)),
            _ => Ok(matches),
        }
    }

    /// Opens them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(&self) -> Result<Vec<FileSource>, Error> {
        self.paths()?.iter().map(|path| FileSource::open(path)).collect()
    }
}

/// The file at `path`, and those that lie beside it where its name is that of a part of a split model.
fn with_siblings(path: &Path) -> Vec<PathBuf> {
    let siblings = path.file_name().and_then(OsStr::to_str).and_then(split_name).map(|(stem, count)| {
        let all = (0..count).map(|no| path.with_file_name(shard_name(stem, no, count)));
        all.filter(|path| path.exists()).collect::<Vec<_>>()
    });
    siblings.filter(|all| !all.is_empty()).unwrap_or_else(|| vec![path.to_path_buf()])
}
