//! Q5_0: 32 weights in 22 bytes, `weight = d * (stored - 16)`; the code that we give is `stored - 16`.
//!
//! Bytes: `d` (f16), 4 bytes with bit 4 of each code, 16 bytes with the other bits (byte `j`: code `j` low, code
//! `j + 16` high).

use super::parts::{extreme, fifth_bits, half_at, inverse, nibbles, put_fifth_bits, put_half, put_nibbles};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q5_0,
    name: "Q5_0",
    id: 6,
    block_len: 32,
    block_bytes: 22,
    codec: Codec::Groups { group: 32, bits: 8, half_params: true, halves: &[0], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    params[0] = [half_at(block, 0), 0.0];
    nibbles(&block[6..22], codes);
    fifth_bits(block, 2, codes);
    codes.iter_mut().for_each(|code| *code -= 16);
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let d = extreme(values) / -16.0;
    let codes: Vec<u8> = values.iter().map(|v| ((v * inverse(d) + 16.5) as u8).min(31)).collect();
    put_half(out, d);
    put_fifth_bits(&codes, out);
    put_nibbles(&codes, out);
}
