//! F16: IEEE half precision, little-endian.

use super::parts::{half_at, put_half};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::F16,
    name: "F16",
    id: 1,
    block_len: 1,
    block_bytes: 2,
    codec: Codec::Float { decode: |bytes| half_at(bytes, 0), exponent: 0x7c00 },
    quantize: |values, out| values.iter().for_each(|v| put_half(out, *v)),
};
