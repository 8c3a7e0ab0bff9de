//! `metrics.jsonl`: a line every few steps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::learn::run::error::Error;
use crate::learn::run::files;

/// A line.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Steps done.
    pub step: usize,
    /// Mean loss since the line before.
    pub loss: f32,
    /// Mean acceptance of each pass on the batches since the line before.
    pub alpha: Vec<f32>,
    /// The same on samples that are kept back, where they were judged at this step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<f32>,
    /// Tokens in a block that these acceptances would give at gamma 4, if each token's were independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f32>,
    /// Learning rate.
    pub lr: f64,
    /// Seconds of training so far, in this and earlier starts.
    pub seconds: f64,
    /// Seconds of making samples among them.
    pub collecting: f64,
    /// Rows of the target that were learnt from so far.
    pub rows: u64,
    /// Samples to learn from.
    pub samples: usize,
}

/// The file, and what is in it.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
}

impl Metrics {
    /// Opens the file and forgets what came after `step`, as well as a line that a kill cut short.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Run`].
    pub fn open(path: PathBuf, step: usize) -> Result<Self, Error> {
        let lines: Vec<Line> = read(&path)?.into_iter().filter(|line| line.step <= step).collect();
        let mut text = Vec::new();
        for line in &lines {
            text.extend(json(&path, line)?);
        }
        files::write(&path, &text)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file, lines })
    }

    /// The lines so far.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn push(&mut self, line: Line) -> Result<(), Error> {
        self.file.write_all(&json(&self.path, &line)?).map_err(Error::io(&self.path))?;
        self.lines.push(line);
        Ok(())
    }
}

/// The whole lines of a file; none where there is no file.
///
/// # Errors
/// [`Error::Io`].
pub fn read(path: &Path) -> Result<Vec<Line>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::Io { path: path.into(), error }),
    }
}

fn json(path: &Path, line: &Line) -> Result<Vec<u8>, Error> {
    let mut text =
        serde_json::to_vec(line).map_err(|e| Error::Run { path: path.into(), why: e.to_string() })?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_and_what_came_after_the_checkpoint_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |step| Line { step, loss: 1.5, alpha: vec![0.25], ..Line::default() };
        let mut metrics = Metrics::open(path.clone(), 0).unwrap();
        for step in [10, 20, 30] {
            metrics.push(line(step)).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 7]).unwrap();
        let mut metrics = Metrics::open(path.clone(), 20).unwrap();
        metrics.push(line(25)).unwrap();
        assert_eq!(read(&path).unwrap(), [line(10), line(20), line(25)]);
        assert_eq!(Metrics::open(path.clone(), 10).unwrap().lines(), [line(10)]);
        assert_eq!(read(&path).unwrap(), [line(10)]);
    }
}
