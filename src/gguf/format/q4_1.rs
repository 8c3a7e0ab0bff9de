//! Q4_1: 32 weights in 20 bytes, `weight = d * code + m`.
//!
//! Bytes: `d`, `m` (f16), 16 bytes of codes (byte `j`: code `j` low, code `j + 16` high).

use super::parts::{bounds, half_at, inverse, nibbles, put_half, put_nibbles};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q4_1,
    name: "Q4_1",
    id: 3,
    block_len: 32,
    block_bytes: 20,
    codec: Codec::Groups { group: 32, bits: 4, half_params: true, halves: &[0, 2], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    params[0] = [half_at(block, 0), half_at(block, 2)];
    nibbles(&block[4..20], codes);
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let (low, high) = bounds(values);
    let d = (high - low) / 15.0;
    let codes: Vec<u8> = values.iter().map(|v| (((v - low) * inverse(d) + 0.5) as u8).min(15)).collect();
    put_half(out, d);
    put_half(out, low);
    put_nibbles(&codes, out);
}
