//! The header: metadata and the tensor table.

use super::{Format, Metadata};

/// Everything in front of the tensor data.
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
    /// Where tensor data begins, in bytes from the start of the file.
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
    /// First byte, relative to [`Header::data_offset`].
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
}
