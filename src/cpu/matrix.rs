//! Weight matrices, repacked for SIMD when they are loaded; quantized ones stay quantized.
//!
//! Eight consecutive rows are a *panel*. In a panel the eight rows are interleaved, so that one activation serves eight
//! output rows and no lane ever has to be added to another:
//!
//! - codes: for each 32 columns `bits` [`Block`]s (4 or 8). Lane `r` of a block is 32 bits of row `r`: `32 / bits`
//!   consecutive columns; column `2n + j` of them at bit `16 j + bits n`. Masked and shifted by `bits n`, the block is
//!   therefore eight pairs of i16, one a row, and [`Lanes::dot16`](super::simd::Lanes::dot16) applies. 8-bit codes are
//!   stored plus 128, so that they need no sign extension.
//! - scales and mins: eight a group, half precision where the format's are exact in it.
//! - float formats: eight numbers a column, as they are in the file.
//!
//! Where a format's `min` is always `-zero * scale` for one integer `zero` (0 for `q8_0`, 8 for `q4_0`), no mins are
//! kept: the kernel subtracts `zero` as an integer.

use super::activations::GROUP;
use super::simd::Block;
use crate::gguf::Format;
use crate::gguf::format::{Codec, Spec};

/// Rows of a panel.
pub const PANEL: usize = 8;

/// A matrix of `rows` outputs and `columns` inputs.
pub struct Matrix {
    spec: &'static Spec,
    rows: usize,
    columns: usize,
    pub(super) data: Data,
}

/// Packed weights.
pub(super) enum Data {
    /// Affine groups.
    Codes(Codes),
    /// `[panel][column][row]`.
    F32(Vec<[f32; PANEL]>),
    /// The same in half precision.
    F16(Vec<[u16; PANEL]>),
    /// The same as bfloat16.
    BF16(Vec<[u16; PANEL]>),
}

/// Affine groups: `scale * (code - zero) + min`.
pub(super) struct Codes {
    /// 4 or 8.
    pub bits: usize,
    /// 16 or 32.
    pub group: usize,
    /// Subtracted from every stored code.
    pub zero: i32,
    /// `[panel][32 columns][bits]`.
    pub blocks: Vec<Block>,
    /// `[panel][group][row]`.
    pub scales: Params,
    /// The same, or nothing where every min is 0.
    pub mins: Option<Params>,
}

/// One number a group and row, `[panel][group][row]`.
pub(super) enum Params {
    /// IEEE binary16.
    Half(Vec<[u16; PANEL]>),
    /// f32.
    Single(Vec<[f32; PANEL]>),
}

impl Params {
    fn new(half: bool, len: usize) -> Self {
        if half { Self::Half(vec![[0; PANEL]; len]) } else { Self::Single(vec![[0.0; PANEL]; len]) }
    }

    fn get(&self, index: usize, row: usize) -> f32 {
        match self {
            Self::Half(v) => half::f16::from_bits(v[index][row]).to_f32(),
            Self::Single(v) => v[index][row],
        }
    }

    fn set(&mut self, index: usize, row: usize, value: f32) {
        match self {
            Self::Half(v) => v[index][row] = half::f16::from_f32(value).to_bits(),
            Self::Single(v) => v[index][row] = value,
        }
    }

    fn copy_row(&mut self, to_row: usize, from: &Self, from_row: usize, groups: usize) {
        match (self, from) {
            (Self::Half(to), Self::Half(from)) => copy_lane(to, to_row, from, from_row, groups),
            (Self::Single(to), Self::Single(from)) => copy_lane(to, to_row, from, from_row, groups),
            _ => unreachable!("parameters of one format"),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Half(v) => size_of_val(v.as_slice()),
            Self::Single(v) => size_of_val(v.as_slice()),
        }
    }
}

impl Matrix {
    /// A matrix of zeros, to be filled by [`Self::pack`].
    pub fn new(format: Format, rows: usize, columns: usize) -> Self {
        Self::with_spec(format.spec(), rows, columns)
    }

    /// A whole matrix from its bytes in a file.
    pub fn from_bytes(format: Format, rows: usize, columns: usize, bytes: &[u8]) -> Self {
        let mut matrix = Self::new(format, rows, columns);
        matrix.pack(0, bytes);
        matrix
    }

    /// As [`Self::new`], of a format that need not be in the table.
    pub(super) fn with_spec(spec: &'static Spec, rows: usize, columns: usize) -> Self {
        let panels = rows.div_ceil(PANEL);
        let data = match spec.codec {
            Codec::Float { .. } => match spec.format {
                Format::F16 => Data::F16(vec![[0; PANEL]; panels * columns]),
                Format::BF16 => Data::BF16(vec![[0; PANEL]; panels * columns]),
                _ => Data::F32(vec![[0.0; PANEL]; panels * columns]),
            },
            Codec::Groups { group, bits, half_params, .. } => {
                let params = || Params::new(half_params, panels * columns / group);
                let zero = zero_point(spec);
                Data::Codes(Codes {
                    bits: bits as usize,
                    group,
                    zero: zero.unwrap_or(0) + stored_offset(bits as usize),
                    blocks: vec![Block([0; 32]); panels * columns / GROUP * bits as usize],
                    scales: params(),
                    mins: if zero.is_none() { Some(params()) } else { None },
                })
            }
        };
        Self { spec, rows, columns, data }
    }

    /// Number of outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether products with it read quantized activations.
    pub fn is_quantized(&self) -> bool {
        matches!(self.data, Data::Codes(_))
    }

    /// Memory that the weights take.
    pub fn bytes(&self) -> usize {
        match &self.data {
            Data::Codes(c) => {
                size_of_val(c.blocks.as_slice()) + c.scales.bytes() + c.mins.as_ref().map_or(0, Params::bytes)
            }
            Data::F32(v) => size_of_val(v.as_slice()),
            Data::F16(v) | Data::BF16(v) => size_of_val(v.as_slice()),
        }
    }

    /// Puts whole rows, as they are in the file, in their place from `first_row` on.
    pub fn pack(&mut self, first_row: usize, bytes: &[u8]) {
        let row_bytes = self.columns / self.spec.block_len * self.spec.block_bytes;
        let mut codes = vec![0; self.columns];
        for (row, bytes) in (first_row..self.rows).zip(bytes.chunks_exact(row_bytes)) {
            let (panel, lane) = (row / PANEL, row % PANEL);
            let at = panel * self.columns;
            let words = || bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b));
            match (&mut self.data, &self.spec.codec) {
                (Data::Codes(data), Codec::Groups { unpack, .. }) => {
                    let groups = self.columns / data.group;
                    let mut params = vec![[0.0; 2]; groups];
                    let per_block = self.spec.block_len / data.group;
                    let blocks = bytes.chunks_exact(self.spec.block_bytes);
                    for ((bytes, codes), params) in blocks
                        .zip(codes.chunks_exact_mut(self.spec.block_len))
                        .zip(params.chunks_exact_mut(per_block))
                    {
                        unpack(bytes, codes, params);
                    }
                    data.set_row(panel, lane, &codes, &params);
                }
                (Data::F16(data) | Data::BF16(data), _) => {
                    data[at..].iter_mut().zip(words()).for_each(|(v, w)| v[lane] = w);
                }
                (Data::F32(data), Codec::Float { decode, .. }) => {
                    let values = bytes.chunks_exact(self.spec.block_bytes).map(decode);
                    data[at..].iter_mut().zip(values).for_each(|(v, w)| v[lane] = w);
                }
                _ => unreachable!("the data was made for the codec"),
            }
        }
    }

    /// A matrix of some of the rows, in the order of `rows`, as they are: nothing is quantized again.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn select(&self, rows: &[u32]) -> Self {
        let mut selected = Self::with_spec(self.spec, rows.len(), self.columns);
        for (to, from) in rows.iter().enumerate() {
            let from = *from as usize;
            assert!(from < self.rows, "row {from} of {}", self.rows);
            match (&mut selected.data, &self.data) {
                (Data::Codes(to_data), Data::Codes(from_data)) => {
                    to_data.copy_row(to, from_data, from, self.columns);
                }
                (Data::F32(to_data), Data::F32(from_data)) => {
                    copy_lane(to_data, to, from_data, from, self.columns)
                }
                (Data::F16(to_data), Data::F16(from_data)) | (Data::BF16(to_data), Data::BF16(from_data)) => {
                    copy_lane(to_data, to, from_data, from, self.columns);
                }
                _ => unreachable!("the data was made for the same codec"),
            }
        }
        selected
    }

    /// Writes row `row`, dequantized, to `out`.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let (panel, lane) = (row / PANEL, row % PANEL);
        let at = panel * self.columns;
        match &self.data {
            Data::Codes(data) => data.row(panel, lane, out),
            Data::F32(data) => out.iter_mut().zip(&data[at..]).for_each(|(o, v)| *o = v[lane]),
            Data::F16(data) => {
                let value = |v: &[u16; 8]| half::f16::from_bits(v[lane]).to_f32();
                out.iter_mut().zip(&data[at..]).for_each(|(o, v)| *o = value(v));
            }
            Data::BF16(data) => {
                let value = |v: &[u16; 8]| half::bf16::from_bits(v[lane]).to_f32();
                out.iter_mut().zip(&data[at..]).for_each(|(o, v)| *o = value(v));
            }
        }
    }
}

/// Copies the lane of row `from` to that of row `to`; panels have `columns` groups of lanes.
fn copy_lane<T: Copy>(
    to: &mut [[T; PANEL]],
    to_row: usize,
    from: &[[T; PANEL]],
    from_row: usize,
    columns: usize,
) {
    let target = to[to_row / PANEL * columns..][..columns].iter_mut();
    for (to, from) in target.zip(&from[from_row / PANEL * columns..]) {
        to[to_row % PANEL] = from[from_row % PANEL];
    }
}

/// What packing adds to codes of this width.
fn stored_offset(bits: usize) -> i32 {
    if bits == 8 { 128 } else { 0 }
}

impl Codes {
    /// Codes that share a lane of a block.
    fn per_lane(&self) -> usize {
        32 / self.bits
    }

    fn set_row(&mut self, panel: usize, lane: usize, codes: &[i8], params: &[[f32; 2]]) {
        let (bits, offset) = (self.bits, stored_offset(self.bits));
        let per_lane = self.per_lane();
        let blocks = &mut self.blocks[panel * codes.len() / per_lane..];
        for (block, codes) in blocks.iter_mut().zip(codes.chunks_exact(per_lane)) {
            let bit = |i: usize| 16 * (i % 2) + bits * (i / 2);
            let word = codes.iter().enumerate().fold(0_u32, |word, (i, code)| {
                let stored = (i32::from(*code) + offset) as u32;
                debug_assert!(stored < 1 << bits, "code {code} in {bits} bits");
                word | stored << bit(i)
            });
            block.0[4 * lane..4 * lane + 4].copy_from_slice(&word.to_le_bytes());
        }
        for (i, [scale, min]) in (panel * params.len()..).zip(params) {
            self.scales.set(i, lane, *scale);
            match &mut self.mins {
                Some(mins) => mins.set(i, lane, *min),
                None => {
                    debug_assert_eq!(*min, -((self.zero - offset) as f32) * scale, "a constant zero point")
                }
            }
        }
    }

    fn copy_row(&mut self, to_row: usize, from: &Self, from_row: usize, columns: usize) {
        let (blocks, groups) = (columns / self.per_lane(), columns / self.group);
        let target = self.blocks[to_row / PANEL * blocks..][..blocks].iter_mut();
        for (to, from) in target.zip(&from.blocks[from_row / PANEL * blocks..]) {
            let (to_lane, from_lane) = (4 * (to_row % PANEL), 4 * (from_row % PANEL));
            to.0[to_lane..to_lane + 4].copy_from_slice(&from.0[from_lane..from_lane + 4]);
        }
        self.scales.copy_row(to_row, &from.scales, from_row, groups);
        if let (Some(to), Some(from)) = (&mut self.mins, &from.mins) {
            to.copy_row(to_row, from, from_row, groups);
        }
    }

    fn row(&self, panel: usize, lane: usize, out: &mut [f32]) {
        let per_lane = self.per_lane();
        let mask = (1_u32 << self.bits) - 1;
        let groups = out.len() / self.group;
        let blocks = &self.blocks[panel * out.len() / per_lane..];
        for (g, out) in out.chunks_exact_mut(self.group).enumerate() {
            let scale = self.scales.get(panel * groups + g, lane);
            let min = self.mins.as_ref().map_or(0.0, |m| m.get(panel * groups + g, lane));
            let blocks = &blocks[g * self.group / per_lane..];
            for (block, out) in blocks.iter().zip(out.chunks_exact_mut(per_lane)) {
                let word = u32::from_le_bytes(block.0.as_chunks::<4>().0[lane]);
                for (i, out) in out.iter_mut().enumerate() {
                    let code = (word >> (16 * (i % 2) + self.bits * (i / 2)) & mask) as i32 - self.zero;
                    *out = scale * code as f32 + min;
                }
            }
        }
    }
}

/// The integer `zero` for which every group of the format has `min == -zero * scale`, if there is one: found by
/// unpacking blocks of arbitrary bytes.
fn zero_point(spec: &Spec) -> Option<i32> {
    let Codec::Groups { group, unpack, .. } = spec.codec else { return None };
    let mut bytes = vec![0; spec.block_bytes];
    let mut codes = vec![0; spec.block_len];
    let mut params = vec![[0.0; 2]; spec.block_len / group];
    let mut state = 0x9e37_79b9_u32;
    let mut zero = None;
    for _ in 0..64 {
        for byte in &mut bytes {
            // xorshift32
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = (state >> 8) as u8;
        }
        unpack(&bytes, &mut codes, &mut params);
        for [scale, min] in &params {
            let ratio = -min / scale;
            if !ratio.is_finite() || *scale == 0.0 {
                continue;
            }
            let z = *zero.get_or_insert(ratio as i32);
            if z.abs() > 128 || *min != -(z as f32) * scale {
                return None;
            }
        }
    }
    zero
}
