//! Q8_0: 32 weights in 34 bytes, `weight = d * code`.
//!
//! Bytes: `d` (f16), 32 codes (i8).

use super::parts::{extreme, half_at, inverse, put_half};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q8_0,
    name: "Q8_0",
    id: 8,
    block_len: 32,
    block_bytes: 34,
    codec: Codec::Groups { group: 32, bits: 8, half_params: true, halves: &[0], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    params[0] = [half_at(block, 0), 0.0];
    codes.iter_mut().zip(&block[2..34]).for_each(|(code, byte)| *code = *byte as i8);
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let d = extreme(values).abs() / 127.0;
    put_half(out, d);
    out.extend(values.iter().map(|v| (v * inverse(d)).round() as i8 as u8));
}
