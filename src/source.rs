//! Sequential bytes: where a model file comes from.
//!
//! A source is read once from front to back, so a `fetch` body, a file and a slice are all sources and none
//! of them has to hold the file in memory.

use std::cell::RefCell;
use std::rc::Rc;

/// Why bytes stopped coming.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller aborted the load.
    #[error("loading was aborted")]
    Aborted,
    /// The operating system or the network failed.
    #[error("reading the model failed: {0}; check the path or the connection and load again")]
    Io(String),
    /// Something that has a name but is no file.
    #[error("{0}")]
    NotAFile(String),
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Io(_) | Self::NotAFile(_) => "source-io",
        }
    }
}

/// Bytes from front to back.
#[allow(async_fn_in_trait, reason = "single-threaded in the browser: the futures need not be Send")]
pub trait ByteSource {
    /// Fills at most `buffer.len()` bytes and says how many; 0 means the end.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error>;

    /// Length of the whole source in bytes, where it is known.
    fn total(&self) -> Option<u64>;

    /// What people call the source: a file's name, where it has one.
    fn name(&self) -> Option<&str> {
        None
    }
}

impl ByteSource for &[u8] {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        std::io::Read::read(self, buffer).map_err(|e| Error::Io(e.to_string()))
    }

    /// What is left: call it before the first read.
    fn total(&self) -> Option<u64> {
        Some(self.len() as u64)
    }
}

/// A file on disk.
#[cfg(not(target_arch = "wasm32"))]
pub struct FileSource {
    file: std::fs::File,
    total: u64,
    name: Option<String>,
}

#[cfg(not(target_arch = "wasm32"))]
impl FileSource {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::NotAFile`] for a folder, and for a pipe, which may keep its reader waiting.
    pub fn open(path: &std::path::Path) -> Result<Self, Error> {
        let shown = path.display();
        let failed = |e: std::io::Error| Error::Io(format!("{shown}: {e}"));
        let kind = std::fs::metadata(path).map_err(failed)?.file_type();
        if kind.is_dir() {
            return Err(Error::NotAFile(format!("{shown} is a folder; name the file in it")));
        }
        if !kind.is_file() {
            return Err(Error::NotAFile(format!(
                "{shown} is a pipe or a device and no file; write what comes out of it to a file, and name that"
            )));
        }
        let file = std::fs::File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { file, total, name })
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl ByteSource for FileSource {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        std::io::Read::read(&mut self.file, buffer).map_err(|e| Error::Io(e.to_string()))
    }

    fn total(&self) -> Option<u64> {
        Some(self.total)
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// A source that reports how far it got and can be aborted: `progress(done, total)` returns `false` to abort.
pub struct Observed<S, F> {
    inner: S,
    shared: Rc<RefCell<Shared<F>>>,
}

/// What the sources of one model have in common.
struct Shared<F> {
    done: u64,
    total: Option<u64>,
    progress: F,
}

impl<S: ByteSource, F: FnMut(u64, Option<u64>) -> bool> Observed<S, F> {
    /// Wraps `inner`.
    pub fn new(inner: S, progress: F) -> Self {
        let shared = Shared { done: 0, total: inner.total(), progress };
        Self { inner, shared: Rc::new(RefCell::new(shared)) }
    }

    /// Wraps the files of one model: `progress` counts the bytes of all.
    pub fn all(inner: Vec<S>, progress: F) -> Vec<Self> {
        let total = inner.iter().map(ByteSource::total).sum();
        let shared = Rc::new(RefCell::new(Shared { done: 0, total, progress }));
        inner.into_iter().map(|inner| Self { inner, shared: Rc::clone(&shared) }).collect()
    }
}

impl<S: ByteSource, F: FnMut(u64, Option<u64>) -> bool> ByteSource for Observed<S, F> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let n = self.inner.read(buffer).await?;
        let Shared { done, total, progress } = &mut *self.shared.borrow_mut();
        *done += n as u64;
        if progress(*done, *total) { Ok(n) } else { Err(Error::Aborted) }
    }

    fn total(&self) -> Option<u64> {
        self.inner.total()
    }

    fn name(&self) -> Option<&str> {
        self.inner.name()
    }
}
