//! The header: metadata and the tensor table.

use super::format::FORMATS;
use super::reader::{Reader, check};
use super::wire::Budget;
use super::{Error, Format, Metadata, Value, foreign};
use crate::source::ByteSource;
use std::collections::HashSet;

/// `GGUF`.
pub(super) const MAGIC: [u8; 4] = *b"GGUF";
/// The key that sets [`Header::alignment`].
pub(super) const ALIGNMENT_KEY: &str = "general.alignment";
/// [`Header::alignment`] where no key sets it.
pub(super) const DEFAULT_ALIGNMENT: u64 = 32;

/// Most metadata keys, and most tensors.
const MAX_COUNT: u64 = 1 << 16;
/// Longest metadata key in bytes: the specification's limit.
const MAX_KEY: u64 = (1 << 16) - 1;
/// Longest tensor name in bytes. The specification says 64; some writers do not.
const MAX_NAME: u64 = 1024;
/// Longest row in bytes: a window holds at least one.
const MAX_ROW_BYTES: u64 = 64 << 20;

/// Everything in front of the tensor data. Where a model is split over several files, that of all of them: see
/// [`super::Stream::open_shards`].
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// In file order.
    pub metadata: Metadata,
    /// In the order of the tensor table.
    pub tensors: Vec<Tensor>,
    /// Alignment of tensor data in bytes.
    pub alignment: u64,
    /// Where tensor data begins, in bytes from the start of the (first) file.
    pub data_offset: u64,
}

/// One line of the tensor table.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Name in the file, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions as GGUF stores them: innermost (contiguous) first.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub format: Format,
    /// First byte, relative to where tensor data begins in its file.
    pub offset: u64,
}

impl Tensor {
    /// Length of a row: the contiguous dimension.
    pub fn columns(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Number of rows: the product of all other dimensions.
    pub fn rows(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.format.row_bytes(self.columns())
    }

    /// Bytes of the whole tensor.
    pub fn bytes(&self) -> u64 {
        self.row_bytes() as u64 * self.rows() as u64
    }
}

impl Header {
    /// The tensor called `name`, with its index.
    pub fn tensor(&self, name: &str) -> Option<(usize, &Tensor)> {
        self.tensors.iter().enumerate().find(|(_, t)| t.name == name)
    }

    /// Reads a header from the beginning of a file and checks it.
    pub(super) async fn read<S: ByteSource>(reader: &mut Reader<S>) -> Result<Self, Error> {
        reader.enter("the magic number");
        let begin = reader.peek(foreign::PEEKED).await?;
        if !begin.starts_with(&MAGIC) && !MAGIC.starts_with(begin) {
            return Err(Error::Magic(begin.to_vec()));
        }
        reader.bytes::<{ MAGIC.len() }>().await?;
        reader.enter("the version");
        let version = reader.u32().await?;
        match version {
            2 | 3 => {}
            _ if (1..=3).contains(&version.swap_bytes()) => return Err(Error::BigEndian),
            _ => return Err(Error::Version(version)),
        }
        reader.enter("the header's counts");
        let tensors = check("the number of tensors", reader.u64().await?, MAX_COUNT)?;
        let keys = check("the number of metadata keys", reader.u64().await?, MAX_COUNT)?;

        let metadata = read_metadata(reader, keys).await?;
        let alignment = metadata.optional_uint(ALIGNMENT_KEY)?.unwrap_or(DEFAULT_ALIGNMENT);
        if !alignment.is_power_of_two() || alignment > 1 << 30 {
            return Err(Error::Header(format!("{ALIGNMENT_KEY} is {alignment}, not a power of two")));
        }
        let tensors = read_tensors(reader, tensors).await?;
        let data_offset = reader.position().next_multiple_of(alignment);
        let header = Self { version, metadata, tensors, alignment, data_offset };
        header.check(reader)?;
        Ok(header)
    }

    /// Indices of the tensors in the order of their data.
    pub(super) fn file_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.tensors.len()).collect();
        order.sort_by_key(|i| self.tensors[*i].offset);
        order
    }

    /// Checks what concerns more than one line.
    fn check<S: ByteSource>(&self, reader: &Reader<S>) -> Result<(), Error> {
        let mut seen = HashSet::new();
        if let Some((key, _)) = self.metadata.0.iter().find(|(key, _)| !seen.insert(key)) {
            return Err(Error::Header(format!("the metadata key {key} is there twice")));
        }
        let mut seen = HashSet::new();
        if let Some(t) = self.tensors.iter().find(|t| !seen.insert(&t.name)) {
            return Err(Error::Header(format!("the tensor {} is there twice", t.name)));
        }
        let mut before: Option<(&str, u64)> = None;
        for tensor in self.file_order().into_iter().map(|i| &self.tensors[i]) {
            let Tensor { name, offset, .. } = tensor;
            if offset % self.alignment != 0 {
                return Err(Error::Header(format!(
                    "tensor {name} begins at {offset}, no multiple of {}",
                    self.alignment
                )));
            }
            if let Some((other, end)) = before
                && end > *offset
            {
                return Err(Error::Header(format!("tensors {other} and {name} overlap")));
            }
            let end =
                offset.checked_add(tensor.bytes()).filter(|end| end.checked_add(self.data_offset).is_some());
            let Some(end) = end else {
                return Err(Error::Header(format!("tensor {name} ends beyond any file")));
            };
            if !reader.reaches(self.data_offset + end) {
                return Err(Error::Truncated { within: format!("tensor {name}") });
            }
            before = Some((name, end));
        }
        Ok(())
    }
}

async fn read_metadata<S: ByteSource>(reader: &mut Reader<S>, keys: u64) -> Result<Metadata, Error> {
    let mut all = Vec::new();
    let mut budget = Budget::default();
    for i in 0..keys {
        reader.enter(format!("metadata key {i}"));
        // Nobody needs a key that is not UTF-8.
        let key = reader.string_bytes(MAX_KEY).await?;
        let key = String::from_utf8(key).unwrap_or_else(|e| e.as_bytes().escape_ascii().to_string());
        reader.enter(format!("the value of {key}"));
        let value = Value::read(reader, &mut budget).await?;
        all.push((key, value));
    }
    Ok(Metadata(all))
}

async fn read_tensors<S: ByteSource>(reader: &mut Reader<S>, count: u64) -> Result<Vec<Tensor>, Error> {
    let mut all = Vec::new();
    for i in 0..count {
        reader.enter(format!("line {i} of the tensor table"));
        let name = reader.string(MAX_NAME).await?;
        reader.enter(format!("the tensor table's line on {name}"));
        all.push(read_tensor(reader, name).await?);
    }
    Ok(all)
}

/// Reads what follows the name in a line of the tensor table.
async fn read_tensor<S: ByteSource>(reader: &mut Reader<S>, name: String) -> Result<Tensor, Error> {
    let dimensions = reader.u32().await?;
    if !(1..=4).contains(&dimensions) {
        return Err(reader.corrupt(format_args!("gives it {dimensions} dimensions")));
    }
    let mut sizes = Vec::new();
    for _ in 0..dimensions {
        sizes.push(reader.u64().await?);
    }
    let id = reader.u32().await?;
    let offset = reader.u64().await?;
    let Some(format) = Format::from_id(id) else {
        let supported = FORMATS.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
        return Err(Error::Format { tensor: name, id, supported });
    };
    let Some(shape) = checked_shape(&sizes, format)? else {
        return Err(reader.corrupt(format_args!("gives it the impossible shape {sizes:?} in {format}")));
    };
    Ok(Tensor { name, shape, format, offset })
}

/// `sizes` as a shape, if none is 0, rows are whole blocks, and the number of rows and of bytes fit their types.
fn checked_shape(sizes: &[u64], format: Format) -> Result<Option<Vec<usize>>, Error> {
    let spec = format.spec();
    let (columns, outer) = (sizes[0], &sizes[1..]);
    if sizes.contains(&0) || columns % spec.block_len as u64 != 0 {
        return Ok(None);
    }
    let row_bytes = (columns / spec.block_len as u64).saturating_mul(spec.block_bytes as u64);
    check("the length of a row in bytes", row_bytes, MAX_ROW_BYTES)?;
    let rows = outer.iter().try_fold(1u64, |rows, n| rows.checked_mul(*n));
    let fits =
        rows.is_some_and(|rows| usize::try_from(rows).is_ok() && row_bytes.checked_mul(rows).is_some());
    Ok(if fits { sizes.iter().map(|n| usize::try_from(*n).ok()).collect() } else { None })
}
