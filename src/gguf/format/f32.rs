//! F32: IEEE single precision, little-endian.

use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::F32,
    name: "F32",
    id: 0,
    block_len: 1,
    block_bytes: 4,
    codec: Codec::Float { decode: |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]), exponent: 0x7f80_0000 },
    quantize: |values, out| out.extend(values.iter().flat_map(|v| v.to_le_bytes())),
};
