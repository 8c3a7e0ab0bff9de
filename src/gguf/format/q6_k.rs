//! Q6_K: 256 weights in 210 bytes, 16 groups of 16, `weight = d * scale * (stored - 32)`; the code that we give is
//! `stored - 32`.
//!
//! Bytes: 128 with the codes' low 4 bits; 64 with their high 2 bits; 16 scales (i8); `d` (f16). Each half of the block
//! (128 weights) has 64 of the first, whose low nibbles are codes 0..64 and high nibbles codes 64..128, and 32 of the
//! second: bits `2k` of byte `l` are for code `32 * k + l`.

use super::parts::{half_at, nibbles, put_half, put_nibbles};
use super::super_block::{LEN, Symmetric};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q6_K,
    name: "Q6_K",
    id: 14,
    block_len: LEN,
    block_bytes: 210,
    codec: Codec::Groups { group: 16, bits: 8, half_params: false, halves: &[208], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    for (params, scale) in params.iter_mut().zip(scales) {
        *params = [d * f32::from(*scale as i8), 0.0];
    }
    for (bytes, codes) in low.chunks(64).zip(codes.chunks_mut(128)) {
        nibbles(bytes, codes);
    }
    for (i, code) in codes.iter_mut().enumerate() {
        let two = high[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
        *code = (*code | (two << 4) as i8) - 32;
    }
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let fit = Symmetric::fit(values, -32, -128);
    let codes = fit.codes(values, -32);
    codes.chunks(128).for_each(|half| put_nibbles(half, out));
    for half in codes.chunks(128) {
        out.extend((0..32).map(|l| (0..4).fold(0, |byte, k| byte | (half[32 * k + l] >> 4) << (2 * k))));
    }
    out.extend(fit.scales.iter().map(|s| *s as u8));
    put_half(out, fit.d);
}
