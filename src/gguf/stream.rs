//! Reading a file front to back in bounded memory.

use super::{Error, Header};
use crate::source::ByteSource;

/// Bytes of tensor data that a [`Window`] holds at most (one row, where a row is longer).
pub const WINDOW_BYTES: usize = 1 << 20;

/// A GGUF file being read.
pub struct Stream<S> {
    source: S,
    header: Header,
}

/// Some whole rows of one tensor.
#[derive(Debug)]
pub struct Window<'a> {
    /// Index into [`Header::tensors`].
    pub tensor: usize,
    /// First row in this window.
    pub first_row: usize,
    /// Number of rows in this window.
    pub rows: usize,
    /// `rows * row_bytes` bytes.
    pub bytes: &'a [u8],
}

impl<S: ByteSource> Stream<S> {
    /// Reads and checks the header.
    pub async fn open(_source: S) -> Result<Self, Error> {
        todo!()
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next rows in file order; `None` when every tensor has been read.
    pub async fn next_window(&mut self) -> Result<Option<Window<'_>>, Error> {
        let _ = &self.source;
        todo!()
    }
}
