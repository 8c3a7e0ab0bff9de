//! Q3_K: 256 weights in 110 bytes, 16 groups of 16, `weight = d * (scale - 32) * (code - 4)`.
//!
//! Bytes: 32 bytes with the codes' bit 2 (bit `k` of byte `l` is for code `32 * k + l`); 64 bytes with their bits
//! 0 and 1 (laid out as in Q2_K); 12 bytes with 16 scales of 6 bits (8 bytes of low nibbles, then in byte `8 + i % 4`
//! bits 4 and 5 of scale `i`, at bit `2 * (i / 4)`); `d` (f16).

use super::parts::{half_at, put_half};
use super::super_block::{LEN, Symmetric};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q3_K,
    name: "Q3_K",
    id: 11,
    block_len: LEN,
    block_bytes: 110,
    codec: Codec::Groups { group: 16, bits: 4, half_params: false, halves: &[108], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    let (high, low, packed) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    for (i, params) in params.iter_mut().enumerate() {
        let nibble = packed[i % 8] >> (i / 8 * 4) & 15;
        let scale = nibble | (packed[8 + i % 4] >> (i / 4 * 2) & 3) << 4;
        let scale = d * (f32::from(scale) - 32.0);
        *params = [scale, -4.0 * scale];
    }
    for (i, code) in codes.iter_mut().enumerate() {
        let two = low[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
        *code = (two | (high[i % 32] >> (i / 32) & 1) << 2) as i8;
    }
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let fit = Symmetric::fit(values, -4, -32);
    let codes = fit.codes(values, -4);
    out.extend((0..32).map(|l| (0..8).fold(0, |byte, k| byte | (codes[32 * k + l] >> 2) << k)));
    for half in codes.chunks(128) {
        out.extend((0..32).map(|l| (0..4).fold(0, |byte, k| byte | (half[32 * k + l] & 3) << (2 * k))));
    }
    let scales: Vec<u8> = fit.scales.iter().map(|s| (s + 32) as u8).collect();
    out.extend((0..8).map(|i| (scales[i] & 15) | scales[i + 8] << 4));
    out.extend((0..4).map(|i| (0..4).fold(0, |byte, k| byte | (scales[4 * k + i] >> 4) << (2 * k))));
    put_half(out, fit.d);
}
