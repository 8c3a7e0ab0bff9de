//! Q4_0: 32 weights in 18 bytes, `weight = d * (code - 8)`.
//!
//! Bytes: `d` (f16), 16 bytes of codes (byte `j`: code `j` low, code `j + 16` high).

use super::parts::{extreme, half_at, inverse, nibbles, put_half, put_nibbles};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q4_0,
    name: "Q4_0",
    id: 2,
    block_len: 32,
    block_bytes: 18,
    // `-8 * d` leaves half precision only where |d| > 8188.
    codec: Codec::Groups { group: 32, bits: 4, half_params: true, halves: &[0], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    let d = half_at(block, 0);
    params[0] = [d, -8.0 * d];
    nibbles(&block[2..18], codes);
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let d = extreme(values) / -8.0;
    let codes: Vec<u8> = values.iter().map(|v| ((v * inverse(d) + 8.5) as u8).min(15)).collect();
    put_half(out, d);
    put_nibbles(&codes, out);
}
