//! BF16: the upper half of an IEEE single, little-endian.

use super::{Codec, Format, Spec};
use half::bf16;

pub(super) const SPEC: Spec = Spec {
    format: Format::BF16,
    name: "BF16",
    id: 30,
    block_len: 1,
    block_bytes: 2,
    codec: Codec::Float { decode: |b| bf16::from_le_bytes([b[0], b[1]]).to_f32(), exponent: 0x7f80 },
    quantize: |values, out| out.extend(values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes())),
};
