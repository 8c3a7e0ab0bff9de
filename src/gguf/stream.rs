//! Reading a file front to back in bounded memory.

use super::reader::Reader;
use super::{Error, Header};
use crate::source::ByteSource;

/// Bytes of tensor data that a [`Window`] holds at most (one row, where a row is longer).
pub const WINDOW_BYTES: usize = 1 << 20;

/// A GGUF file being read.
pub struct Stream<S> {
    reader: Reader<S>,
    header: Header,
    /// Indices of the tensors in file order.
    order: Vec<usize>,
    /// How many of `order` have been read.
    done: usize,
    /// Rows read of the tensor after those.
    row: usize,
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
    /// Reads and checks the header. Where the source knows its length, that of the tensor data is checked too.
    pub async fn open(source: S) -> Result<Self, Error> {
        let mut reader = Reader::new(source);
        let header = Header::read(&mut reader).await?;
        let order = header.file_order();
        Ok(Self { reader, header, order, done: 0, row: 0 })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next rows in file order; `None` when every tensor has been read. The bytes are valid until the next call, and
    /// every weight in them is a finite number.
    pub async fn next_window(&mut self) -> Result<Option<Window<'_>>, Error> {
        let Some(&index) = self.order.get(self.done) else { return Ok(None) };
        let tensor = &self.header.tensors[index];
        if self.row == 0 {
            self.reader.enter("the padding between tensors");
            let begin = self.header.data_offset + tensor.offset;
            self.reader.skip(begin - self.reader.position()).await?;
            self.reader.enter(format!("tensor {}", tensor.name));
        }
        let (first_row, row_bytes) = (self.row, tensor.row_bytes());
        let rows = (WINDOW_BYTES / row_bytes).max(1).min(tensor.rows() - first_row);
        let bytes = self.reader.slice(rows * row_bytes).await?;
        if let Some(block) = tensor.format.not_finite(bytes) {
            let row = first_row + block * tensor.format.spec().block_bytes / row_bytes;
            return Err(Error::NotFinite { tensor: tensor.name.clone(), row });
        }
        self.row += rows;
        if self.row == tensor.rows() {
            (self.done, self.row) = (self.done + 1, 0);
        }
        Ok(Some(Window { tensor: index, first_row, rows, bytes }))
    }
}
