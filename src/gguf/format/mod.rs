//! Tensor formats: how a row of weights is stored in bytes. One file a format, one line in [`FORMATS`].
//!
//! Every quantized format that we read is a sequence of *affine groups*: `weight = scale * code + min`, with
//! one `(scale, min)` for 16 or 32 consecutive codes of a row. The engines only ever see groups, so a new format is
//! its `unpack` and a line in the table.

/// How a tensor's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, missing_docs, reason = "ggml's names")]
pub enum Format {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
}

/// What a format is: a line of [`FORMATS`].
pub struct Spec {
    /// Which format.
    pub format: Format,
    /// ggml's name for it.
    pub name: &'static str,
    /// ggml's number for it.
    pub id: u32,
    /// Weights in a block.
    pub block_len: usize,
    /// Bytes of a block.
    pub block_bytes: usize,
    /// What a block holds.
    pub codec: Codec,
    /// Appends the bytes of one block of `block_len` values, rounded to nearest.
    pub quantize: fn(&[f32], &mut Vec<u8>),
}

/// What a block holds.
pub enum Codec {
    /// One number: `decode(bytes)`.
    Float {
        /// The number that `block_bytes` bytes stand for.
        decode: fn(&[u8]) -> f32,
    },
    /// Affine groups: `weight = scale * code + min`.
    Groups {
        /// Weights in a group: 16 or 32.
        group: usize,
        /// Bits that hold every code: 4 (codes 0..=15) or 8 (codes -128..=127).
        bits: u32,
        /// Whether `scale` and `min` are exact in half precision, so that the GPU may keep them so.
        half_params: bool,
        /// Unpacks one block: `block_len` codes in the row's order, `block_len / group` pairs `[scale, min]`.
        unpack: fn(&[u8], &mut [i8], &mut [[f32; 2]]),
    },
}

impl Format {
    /// This format's line of [`FORMATS`].
    pub fn spec(self) -> &'static Spec {
        todo!()
    }

    /// The format with ggml's number `id`.
    pub fn from_id(_id: u32) -> Option<Self> {
        todo!()
    }

    /// Bytes of a row of `columns` weights; `columns` must be a multiple of the block length.
    pub fn row_bytes(self, columns: usize) -> usize {
        let spec = self.spec();
        columns / spec.block_len * spec.block_bytes
    }

    /// Turns whole blocks into f32: `out.len()` weights.
    pub fn dequantize(self, _bytes: &[u8], _out: &mut [f32]) {
        todo!()
    }

    /// Turns f32 values (a multiple of the block length) into whole blocks.
    pub fn quantize(self, _values: &[f32]) -> Vec<u8> {
        todo!()
    }
}
