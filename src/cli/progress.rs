//! Progress bars, on stderr; nothing is drawn where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};
use paceline::source::{self, ByteSource, Observed};

use super::model_files::ModelFiles;

/// A bar, wiped away in the end.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for the bytes of files, labelled `what`.
    pub fn of_bytes(what: &'static str) -> Self {
        Self::new(what, 0, "{msg} [{bar:30}] {bytes} of {total_bytes} ({bytes_per_sec})")
    }

    /// A bar for the kernels of a GPU.
    pub fn of_kernels() -> Self {
        Self::new("compiling kernels", 0, "{msg} [{bar:30}] {pos} of {len}")
    }

    /// A bar for the prompt's tokens.
    pub fn of_prompt(tokens: usize) -> Self {
        Self::new("reading the prompt", tokens as u64, "{msg} [{bar:30}] {pos} of {len} tokens")
    }

    /// A bar for anything that is counted, `unit`s of it, with the time left and a message of [`Self::say`].
    #[cfg(feature = "learn")]
    pub fn of_steps(unit: &str, total: usize) -> Self {
        Self::new("", total as u64, &format!("[{{bar:30}}] {{pos}} of {{len}} {unit}, {{eta}} left {{msg}}"))
    }

    /// Says something beside the bar.
    #[cfg(feature = "learn")]
    pub fn say(&self, message: String) {
        self.0.set_message(message);
    }

    fn new(what: &'static str, length: u64, style: &str) -> Self {
        let bar = ProgressBar::new(length).with_message(what);
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Moves the bar to `done` of `total`.
    pub fn reach_of(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.reach(done);
    }

    /// Moves the bar to `done`.
    pub fn reach(&self, done: usize) {
        self.0.set_position(done as u64);
    }

    /// Opens the files of a model, whose bytes the bar counts.
    pub fn open(&self, model: &ModelFiles) -> Result<Vec<impl ByteSource + use<>>, source::Error> {
        let files = model.open()?;
        self.0.inc_length(files.iter().filter_map(ByteSource::total).sum());
        let bar = self.0.clone();
        let mut before = 0;
        Ok(Observed::all(files, move |done, _| {
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
