//! Q5_1: 32 weights in 24 bytes, `weight = d * code + m`.
//!
//! Bytes: `d`, `m` (f16), 4 bytes with bit 4 of each code, 16 bytes with the other bits (byte `j`: code `j` low, code
//! `j + 16` high).

use super::parts::{bounds, fifth_bits, half_at, inverse, nibbles, put_fifth_bits, put_half, put_nibbles};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q5_1,
    name: "Q5_1",
    id: 7,
    block_len: 32,
    block_bytes: 24,
    codec: Codec::Groups { group: 32, bits: 8, half_params: true, halves: &[0, 2], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    params[0] = [half_at(block, 0), half_at(block, 2)];
    nibbles(&block[8..24], codes);
    fifth_bits(block, 4, codes);
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let (low, high) = bounds(values);
    let d = (high - low) / 31.0;
    let codes: Vec<u8> = values.iter().map(|v| (((v - low) * inverse(d) + 0.5) as u8).min(31)).collect();
    put_half(out, d);
    put_half(out, low);
    put_fifth_bits(&codes, out);
    put_nibbles(&codes, out);
}
