//! Tensor formats: how a row of weights is stored in bytes. One file a format, one line in [`FORMATS`].
//!
//! Every quantized format that we read is a sequence of *affine groups*: `weight = scale * code + min`, with
//! one `(scale, min)` for 16 or 32 consecutive codes of a row. The engines only ever see groups, so a new format is
//! its `unpack` and a line in the table.

mod bf16;
mod f16;
#[path = "f32.rs"]
mod f32_; // a module called `f32` would hide the type
mod parts;
mod q2_k;
mod q3_k;
mod q4_0;
mod q4_1;
mod q4_k;
mod q5_0;
mod q5_1;
mod q5_k;
mod q6_k;
mod q8_0;
mod super_block;
#[cfg(test)]
mod tests;

/// Every format we read, in the order of [`Format`].
pub static FORMATS: [Spec; 13] = [
    f32_::SPEC,
    f16::SPEC,
    bf16::SPEC,
    q4_0::SPEC,
    q4_1::SPEC,
    q5_0::SPEC,
    q5_1::SPEC,
    q8_0::SPEC,
    q2_k::SPEC,
    q3_k::SPEC,
    q4_k::SPEC,
    q5_k::SPEC,
    q6_k::SPEC,
];

/// ggml's other formats, by number. We read none of them; those that llama.cpp gave up are among them.
#[rustfmt::skip]
static OTHERS: [(u32, &str); 30] = [
    (4, "Q4_2"),
    (5, "Q4_3"),
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (36, "IQ4_NL_4_4"),
    (37, "IQ4_NL_4_8"),
    (38, "IQ4_NL_8_8"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
    (42, "Q2_0"),
];

/// Most weights in a block of any format.
pub const MAX_BLOCK_LEN: usize = super_block::LEN;
/// Most groups in a block of any format.
pub const MAX_BLOCK_GROUPS: usize = MAX_BLOCK_LEN / 16;

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
        /// The bits of the exponent: all of them are set in what is not finite, and in nothing else.
        exponent: u32,
    },
    /// Affine groups: `weight = scale * code + min`.
    Groups {
        /// Weights in a group: 16 or 32.
        group: usize,
        /// Bits that hold every code: 4 (codes 0..=15) or 8 (codes -128..=127).
        bits: u32,
        /// Whether `scale` and `min` are exact in half precision, so that the GPU may keep them so.
        half_params: bool,
        /// Where the half-precision numbers of a block stand, in bytes: its weights are finite where these are.
        halves: &'static [usize],
        /// Unpacks one block: `block_len` codes in the row's order, `block_len / group` pairs `[scale, min]`.
        unpack: fn(&[u8], &mut [i8], &mut [[f32; 2]]),
    },
}

impl Format {
    /// This format's line of [`FORMATS`].
    pub fn spec(self) -> &'static Spec {
        &FORMATS[self as usize]
    }

    /// The format with ggml's number `id`.
    pub fn from_id(id: u32) -> Option<Self> {
        FORMATS.iter().find(|s| s.id == id).map(|s| s.format)
    }

    /// ggml's name for the format with its number `id`, one that we read or not; `the unknown format 200` where it has none.
    pub fn name_of(id: u32) -> String {
        let known = FORMATS.iter().map(|s| (s.id, s.name)).chain(OTHERS).find(|(known, _)| *known == id);
        known.map_or_else(|| format!("the unknown format {id}"), |(_, name)| name.into())
    }

    /// Bytes of a row of `columns` weights; `columns` must be a multiple of the block length.
    pub fn row_bytes(self, columns: usize) -> usize {
        let spec = self.spec();
        columns / spec.block_len * spec.block_bytes
    }

    /// Turns whole blocks into f32: `out.len()` weights.
    ///
    /// # Panics
    /// When `out` is not whole blocks, or `bytes` has fewer.
    pub fn dequantize(self, bytes: &[u8], out: &mut [f32]) {
        let spec = self.spec();
        assert_eq!(out.len() % spec.block_len, 0, "{self} has blocks of {} weights", spec.block_len);
        let bytes = &bytes[..self.row_bytes(out.len())];
        let blocks = bytes.chunks_exact(spec.block_bytes).zip(out.chunks_exact_mut(spec.block_len));
        match spec.codec {
            Codec::Float { decode, .. } => blocks.for_each(|(block, out)| out[0] = decode(block)),
            Codec::Groups { group, unpack, .. } => {
                let mut codes = [0; MAX_BLOCK_LEN];
                let mut params = [[0.0; 2]; MAX_BLOCK_GROUPS];
                let codes = &mut codes[..spec.block_len];
                let params = &mut params[..spec.block_len / group];
                for (block, out) in blocks {
                    unpack(block, codes, params);
                    for (i, (out, code)) in out.iter_mut().zip(codes.iter()).enumerate() {
                        let [scale, min] = params[i / group];
                        *out = scale * f32::from(*code) + min;
                    }
                }
            }
        }
    }

    /// The first block of `bytes` with a weight that is NaN or infinite.
    pub fn not_finite(self, bytes: &[u8]) -> Option<usize> {
        let spec = self.spec();
        // A test of bits: every byte of a model passes here while it loads.
        let half = |bytes: &[u8]| u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        let not_finite = |bits: u32, exponent: u32| bits & exponent == exponent;
        match spec.codec {
            Codec::Float { exponent, .. } if spec.block_bytes == 2 => {
                bytes.chunks_exact(2).position(|number| not_finite(half(number), exponent))
            }
            Codec::Float { exponent, .. } => {
                let numbers = bytes.as_chunks::<4>().0;
                numbers.iter().position(|number| not_finite(u32::from_le_bytes(*number), exponent))
            }
            Codec::Groups { halves, .. } => bytes
                .chunks_exact(spec.block_bytes)
                .position(|block| halves.iter().any(|at| not_finite(half(&block[*at..]), 0x7c00))),
        }
    }

    /// Turns f32 values into whole blocks, rounded to nearest: a plain quantizer, without the searches and the
    /// importance weights of llama.cpp's.
    ///
    /// # Panics
    /// When `values` is not whole blocks.
    pub fn quantize(self, values: &[f32]) -> Vec<u8> {
        let spec = self.spec();
        assert_eq!(values.len() % spec.block_len, 0, "{self} has blocks of {} weights", spec.block_len);
        let mut out = Vec::with_capacity(self.row_bytes(values.len()));
        values.chunks_exact(spec.block_len).for_each(|block| (spec.quantize)(block, &mut out));
        out
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec().name)
    }
}
