//! Reading a model front to back in bounded memory.

use std::collections::VecDeque;
use std::ops::Range;

use super::reader::{Reader, WINDOW_BYTES};
use super::shards::{Parts, Shard, label};
use super::{Error, Header};
use crate::source::ByteSource;

/// A model's GGUF file, or several of them, being read one after the other.
pub struct Stream<S> {
    header: Header,
    shards: Vec<Shard>,
    /// Those of the files that have not been read to their end, the current one first.
    open: VecDeque<Open<S>>,
    /// Indices of the tensors in the order in which they are read.
    order: Vec<usize>,
    /// How many of `order` have been read.
    done: usize,
    /// Rows read of the tensor after those.
    row: usize,
}

/// A file that is being read.
struct Open<S> {
    reader: Reader<S>,
    data_offset: u64,
    /// How many tensors have been read when all of this file have been.
    end: usize,
    /// What errors call it, where it is one of several.
    label: Option<String>,
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

impl Window<'_> {
    /// Which rows of this window, counted from its first, are among `rows` of the tensor.
    pub fn overlap(&self, rows: &Range<usize>) -> Range<usize> {
        let here = |row: usize| row.saturating_sub(self.first_row).min(self.rows);
        here(rows.start)..here(rows.end)
    }
}

impl<S: ByteSource> Stream<S> {
    /// Reads and checks the header of a model in one file. Where the source knows its length, that of the tensor data is
    /// checked too.
    ///
    /// # Errors
    /// What can be wrong with the file; [`Error::Split`] where it is only a part of a model.
    pub async fn open(source: S) -> Result<Self, Error> {
        Self::open_shards(vec![source]).await
    }

    /// Reads and checks the headers of all files of a model, in whatever order they are given. Where there are several,
    /// [`Self::header`] has the metadata of the first part and the tensors of all.
    ///
    /// Until its turn comes, a file costs no more than a small buffer and what its source holds. A file that has been read
    /// is let go of.
    ///
    /// # Errors
    /// What can be wrong with a file; [`Error::Split`] where they are not all the parts of one model.
    pub async fn open_shards(sources: Vec<S>) -> Result<Self, Error> {
        let several = sources.len() > 1;
        let mut parts = Parts::new();
        for (i, source) in sources.into_iter().enumerate() {
            let name = source.name().map(str::to_string);
            let label = several.then(|| label(name.as_deref(), i));
            let mut reader = Reader::new(source);
            let header = Header::read(&mut reader).await.map_err(|error| within(error, label.as_deref()))?;
            let order = header.file_order();
            parts.add(name, header, (reader, label, order))?;
        }
        let (header, joined) = parts.join()?;
        let (mut shards, mut open, mut order) = (Vec::new(), VecDeque::new(), Vec::new());
        for (shard, (reader, label, own)) in joined {
            order.extend(own.into_iter().map(|i| shard.tensors.start + i));
            let (data_offset, end) = (shard.data_offset, shard.tensors.end);
            open.push_back(Open { reader, data_offset, end, label });
            shards.push(shard);
        }
        Ok(Self { header, shards, open, order, done: 0, row: 0 })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The files in the order in which they are read.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The next rows in file order; `None` when every tensor has been read. The bytes are valid until the next call, and
    /// every weight in them is a finite number.
    pub async fn next_window(&mut self) -> Result<Option<Window<'_>>, Error> {
        while self.open.front().is_some_and(|file| file.end == self.done) {
            self.open.pop_front();
        }
        let Some(file) = self.open.front_mut() else { return Ok(None) };
        let index = self.order[self.done];
        let tensor = &self.header.tensors[index];
        let (first_row, row_bytes) = (self.row, tensor.row_bytes());
        let rows = (WINDOW_BYTES / row_bytes).max(1).min(tensor.rows() - first_row);
        if first_row == 0 {
            file.reader.enter("the padding between tensors");
            let begin = file.data_offset + tensor.offset;
            let skipping = file.reader.skip(begin - file.reader.position()).await;
            skipping.map_err(|error| within(error, file.label.as_deref()))?;
            file.reader.enter(format!("tensor {}", tensor.name));
        }
        let Open { reader, label, .. } = file;
        let bytes = reader.slice(rows * row_bytes).await.map_err(|error| within(error, label.as_deref()))?;
        if let Some(block) = tensor.format.not_finite(bytes) {
            let row = first_row + block * tensor.format.spec().block_bytes / row_bytes;
            return Err(within(Error::NotFinite { tensor: tensor.name.clone(), row }, label.as_deref()));
        }
        self.row += rows;
        if self.row == tensor.rows() {
            (self.done, self.row) = (self.done + 1, 0);
        }
        Ok(Some(Window { tensor: index, first_row, rows, bytes }))
    }
}

/// The same error, which says what file it is about, where it is one of several.
fn within(error: Error, label: Option<&str>) -> Error {
    match label {
        Some(label) => error.in_file(label),
        None => error,
    }
}
