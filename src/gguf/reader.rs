//! Bytes in front of the header parser and the window reader: one buffer, bounds before allocations, and a name for
//! whatever is being read when the file ends.

use super::Error;
use crate::source::ByteSource;

/// Bytes of tensor data that a [`Window`](super::Window) holds at most (one row, where a row is longer).
pub const WINDOW_BYTES: usize = 1 << 20;

/// Longest header that we read, in bytes. Today's longest have under 20 MB.
const MAX_HEADER_BYTES: u64 = 256 << 20;
/// What the buffer has at first, while there may be many readers; and the steps in which strings grow, as their bytes
/// arrive.
const STEP: usize = 64 << 10;

/// A buffered source that knows where it is.
pub(super) struct Reader<S> {
    source: S,
    /// Reused throughout; grows up to a window, and beyond it only for a longer row.
    buffer: Vec<u8>,
    /// The bytes read and not yet consumed are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Bytes consumed.
    position: u64,
    total: Option<u64>,
    /// What is being read, for errors.
    within: String,
}

impl<S: ByteSource> Reader<S> {
    pub fn new(source: S) -> Self {
        let total = source.total();
        let buffer = vec![0; STEP];
        Self { source, buffer, start: 0, end: 0, position: 0, total, within: String::new() }
    }

    /// Bytes consumed so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Names what is read from here on.
    pub fn enter(&mut self, within: impl Into<String>) {
        self.within = within.into();
    }

    /// Whether the source can hold `end` bytes, as far as it knows its length.
    pub fn reaches(&self, end: u64) -> bool {
        self.total.is_none_or(|total| end <= total)
    }

    /// The next `count` bytes, which it consumes.
    pub async fn slice(&mut self, count: usize) -> Result<&[u8], Error> {
        if !self.reaches(self.position.saturating_add(count as u64)) {
            return Err(self.truncated());
        }
        while self.end - self.start < count {
            if !self.read_more(count).await? {
                return Err(self.truncated());
            }
        }
        let slice = self.start..self.start + count;
        self.start = slice.end;
        self.position += count as u64;
        Ok(&self.buffer[slice])
    }

    /// The next `count` bytes, or those up to the end of the file, without consuming them.
    pub async fn peek(&mut self, count: usize) -> Result<&[u8], Error> {
        while self.end - self.start < count && self.read_more(count).await? {}
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// Passes over `count` bytes.
    pub async fn skip(&mut self, mut count: u64) -> Result<(), Error> {
        while count > 0 {
            let step = count.min(WINDOW_BYTES as u64);
            self.slice(step as usize).await?;
            count -= step;
        }
        Ok(())
    }

    /// Reads once, after making room for `count` bytes from `start` or, where they are many, for some of them. `false` at
    /// the end.
    async fn read_more(&mut self, count: usize) -> Result<bool, Error> {
        if self.buffer.len() - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(count.min(2 * self.buffer.len()), 0);
        }
        let n = self.source.read(&mut self.buffer[self.end..]).await?;
        self.end = self.buffer.len().min(self.end + n);
        Ok(n > 0)
    }

    fn truncated(&self) -> Error {
        Error::Truncated { within: self.within.clone() }
    }

    /// The error that the header contradicts itself in what is being read.
    pub fn corrupt(&self, what: impl std::fmt::Display) -> Error {
        Error::Header(format!("{} {what}", self.within))
    }

    /// The next `N` bytes of the header.
    pub async fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        check("the header's length", self.position + N as u64, MAX_HEADER_BYTES)?;
        let mut out = [0; N];
        out.copy_from_slice(self.slice(N).await?);
        Ok(out)
    }

    pub async fn u32(&mut self) -> Result<u32, Error> {
        self.bytes().await.map(u32::from_le_bytes)
    }

    pub async fn u64(&mut self) -> Result<u64, Error> {
        self.bytes().await.map(u64::from_le_bytes)
    }

    /// A string of the header: as [`Self::string_bytes`], and UTF-8.
    pub async fn string(&mut self, limit: u64) -> Result<String, Error> {
        String::from_utf8(self.string_bytes(limit).await?).map_err(|_| self.corrupt("is not UTF-8"))
    }

    /// The bytes of a string of the header: a length of at most `limit`, then so many bytes.
    pub async fn string_bytes(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let length = self.u64().await?;
        if length > limit {
            return Err(too_large(format!("the length of {}", self.within), length, limit));
        }
        check("the header's length", self.position + length, MAX_HEADER_BYTES)?;
        if !self.reaches(self.position + length) {
            return Err(self.truncated());
        }
        let length = length as usize;
        let mut out = Vec::with_capacity(length.min(STEP));
        while out.len() < length {
            out.extend_from_slice(self.slice(STEP.min(length - out.len())).await?);
        }
        Ok(out)
    }
}

/// `value`, or an error that names it where it is above `limit`.
pub(super) fn check(what: &str, value: u64, limit: u64) -> Result<u64, Error> {
    if value <= limit { Ok(value) } else { Err(too_large(what.into(), value, limit)) }
}

fn too_large(what: String, value: u64, limit: u64) -> Error {
    Error::TooLarge { what, value, limit }
}
