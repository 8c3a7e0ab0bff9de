//! The progress bar, on stderr; nothing is drawn where that is no terminal.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use paceline::source::{self, ByteSource, FileSource, Observed};

/// A bar for a number of files.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar with nothing to do yet, labelled `what`.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new(0).with_message(what);
        let style = "{msg} [{bar:30}] {bytes} of {total_bytes} ({bytes_per_sec})";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Opens a file whose bytes the bar counts.
    pub fn open(&self, path: &Path) -> Result<impl ByteSource + use<>, source::Error> {
        let file = FileSource::open(path)?;
        self.0.inc_length(file.total().unwrap_or(0));
        let bar = self.0.clone();
        let mut before = 0;
        Ok(Observed::new(file, move |done, _| {
            bar.inc(done - before);
            before = done;
            true
        }))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
