//! How weights lie in GPU memory: quads (`vec4<u32>`) of codes, and a scale and a min for each group apart.
//!
//! Formats come down to five code widths and two parameter widths; a fused tensor of several formats takes a layout
//! that holds all of them without loss.

use std::fmt;

use crate::gguf::Format;
use crate::gguf::format::Codec;

/// Weights of a block: every kernel walks a row in blocks of this many columns.
pub(super) const BLOCK: usize = 32;

/// Width of a stored weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Codes {
    F32,
    F16,
    Bf16,
    Q4,
    Q8,
}

/// Where a matrix' words lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Order {
    /// Row after row: what invocations that share a row want.
    RowMajor,
    /// Word w of all rows, then word w + 1: what invocations with a row each want.
    WordMajor,
}

impl Order {
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::RowMajor => "orders/row_major.wgsl",
            Self::WordMajor => "orders/word_major.wgsl",
        }
    }
}

/// A layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Layout {
    pub codes: Codes,
    /// Weights that share a scale and a min (codes `Q4` and `Q8` only).
    pub group: usize,
    /// Whether scale and min are halves in one word, or two words.
    pub half_params: bool,
}

/// Such as `q4/32h`: 4-bit codes in groups of 32 with parameters of half precision.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let halves = if self.half_params { "h" } else { "" };
        match self.codes {
            Codes::F32 => f.write_str("f32"),
            Codes::F16 => f.write_str("f16"),
            Codes::Bf16 => f.write_str("bf16"),
            Codes::Q4 => write!(f, "q4/{}{halves}", self.group),
            Codes::Q8 => write!(f, "q8/{}{halves}", self.group),
        }
    }
}

impl Layout {
    /// The layout that a tensor of `format` gets.
    pub(super) fn of(format: Format) -> Self {
        let float = |codes| Self { codes, group: BLOCK, half_params: false };
        match format {
            Format::F32 => float(Codes::F32),
            Format::F16 => float(Codes::F16),
            Format::BF16 => float(Codes::Bf16),
            _ => match format.spec().codec {
                Codec::Float { .. } => float(Codes::F32),
                Codec::Groups { group, bits, half_params, .. } => {
                    Self { codes: if bits == 4 { Codes::Q4 } else { Codes::Q8 }, group, half_params }
                }
            },
        }
    }

    /// The narrowest layout that holds both without loss.
    pub(super) fn join(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let quantized = |l: Self| matches!(l.codes, Codes::Q4 | Codes::Q8);
        if !quantized(self) || !quantized(other) {
            return Self::of(Format::F32);
        }
        Self {
            codes: if self.codes == other.codes { self.codes } else { Codes::Q8 },
            group: self.group.min(other.group),
            half_params: self.half_params && other.half_params,
        }
    }

    /// Quads of a block.
    pub(super) fn quads(self) -> usize {
        match self.codes {
            Codes::Q4 => 1,
            Codes::Q8 => 2,
            Codes::F16 | Codes::Bf16 => 4,
            Codes::F32 => 8,
        }
    }

    /// Words of parameters a group, 0 where codes are the weights themselves.
    pub(super) fn params_words(self) -> usize {
        match self.codes {
            Codes::Q4 | Codes::Q8 => 2 - usize::from(self.half_params),
            _ => 0,
        }
    }

    /// Groups of a block.
    pub(super) fn groups(self) -> usize {
        BLOCK / self.group
    }

    /// Bytes of a row with its parameters.
    pub(super) fn row_bytes(self, columns: usize) -> usize {
        columns.div_ceil(BLOCK) * 4 * (self.quads() * 4 + self.groups() * self.params_words())
    }

    pub(super) fn file(self) -> &'static str {
        match self.codes {
            Codes::F32 => "layouts/f32.wgsl",
            Codes::F16 => "layouts/f16.wgsl",
            Codes::Bf16 => "layouts/bf16.wgsl",
            Codes::Q4 => "layouts/q4.wgsl",
            Codes::Q8 => "layouts/q8.wgsl",
        }
    }

    /// Appends a row of `columns` weights stored as `format`: its quads' words, then (apart) its parameters'.
    pub(super) fn pack_row(
        self,
        format: Format,
        columns: usize,
        bytes: &[u8],
        codes: &mut Vec<u32>,
        params: &mut Vec<u32>,
    ) {
        let blocks = columns.div_ceil(BLOCK);
        let words = codes.len() + blocks * self.quads() * 4;
        let params_end = params.len() + blocks * self.groups() * self.params_words();
        match (&format.spec().codec, self.codes) {
            (Codec::Groups { group, unpack, .. }, Codes::Q4 | Codes::Q8) => {
                self.pack_groups(format, *group, *unpack, bytes, codes, params);
            }
            (Codec::Float { .. }, Codes::F16 | Codes::Bf16) => {
                let halves = |b: &[u8]| {
                    b.chunks(2)
                        .rev()
                        .fold(0, |word, h| word << 16 | u32::from(u16::from_le_bytes([h[0], h[1]])))
                };
                codes.extend(bytes.chunks(4).map(halves));
            }
            _ => {
                let mut row = vec![0.0; columns];
                format.dequantize(bytes, &mut row);
                codes.extend(row.iter().map(|v| v.to_bits()));
            }
        }
        codes.resize(words, 0);
        params.resize(params_end, 0);
    }

    fn pack_groups(
        self,
        format: Format,
        group: usize,
        unpack: fn(&[u8], &mut [i8], &mut [[f32; 2]]),
        bytes: &[u8],
        out: &mut Vec<u32>,
        params: &mut Vec<u32>,
    ) {
        let spec = format.spec();
        let mut codes = [0i8; 256];
        let mut affine = [[0.0f32; 2]; 16];
        let (codes, affine) = (&mut codes[..spec.block_len], &mut affine[..spec.block_len / group]);
        for block in bytes.chunks_exact(spec.block_bytes) {
            unpack(block, codes, affine);
            let nibbles = |c: &[i8]| c.iter().rev().fold(0, |word, &v| word << 4 | u32::from(v as u8 & 15));
            let word = |c: &[i8]| c.iter().rev().fold(0, |word, &v| word << 8 | u32::from(v as u8 ^ 0x80));
            match self.codes {
                Codes::Q4 => out.extend(codes.chunks_exact(8).map(nibbles)),
                _ => out.extend(codes.chunks_exact(4).map(word)),
            }
            for [scale, min] in affine.iter() {
                for _ in 0..group / self.group {
                    if self.half_params {
                        let half = |v: f32| u32::from(half::f16::from_f32(v).to_bits());
                        params.push(half(*scale) | half(*min) << 16);
                    } else {
                        params.extend([scale.to_bits(), min.to_bits()]);
                    }
                }
            }
        }
    }
}
