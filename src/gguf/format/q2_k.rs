//! Q2_K: 256 weights in 84 bytes, 16 groups of 16, `weight = d * scale * code - dmin * min`.
//!
//! Bytes: 16 bytes with a group's scale (low nibble) and min (high nibble); 64 bytes of codes; `d`, `dmin` (f16).
//! Each half of the block (128 weights) has 32 bytes of codes: bits `2k` of byte `l` are code `32 * k + l`.

use super::parts::half_at;
use super::super_block::{Affine, LEN};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q2_K,
    name: "Q2_K",
    id: 10,
    block_len: LEN,
    block_bytes: 84,
    codec: Codec::Groups { group: 16, bits: 4, half_params: false, halves: &[80, 82], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (params, byte) in params.iter_mut().zip(&block[..16]) {
        *params = [d * f32::from(byte & 15), -dmin * f32::from(byte >> 4)];
    }
    for (i, code) in codes.iter_mut().enumerate() {
        let byte = block[16 + i / 128 * 32 + i % 32];
        *code = (byte >> (i / 32 % 4 * 2) & 3) as i8;
    }
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let fit = Affine::fit(values, 16, 3, 15);
    let codes = fit.codes(values, 16, 3);
    out.extend(fit.scales.iter().zip(&fit.mins).map(|(scale, min)| scale | min << 4));
    for half in codes.chunks(128) {
        out.extend((0..32).map(|l| (0..4).fold(0, |byte, k| byte | half[32 * k + l] << (2 * k))));
    }
    fit.put_units(out);
}
