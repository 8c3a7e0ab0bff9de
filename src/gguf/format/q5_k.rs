//! Q5_K: 256 weights in 176 bytes, 8 groups of 32, `weight = d * scale * code - dmin * min`.
//!
//! Bytes: 16 of parameters ([`super_block::unpack_params`]); 32 with the codes' bit 4 (bit `k` of byte `l` is for code
//! `32 * k + l`); 128 with the other bits, laid out as in Q4_K.

use super::parts::{nibbles, put_nibbles};
use super::super_block::{self, Affine, LEN};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q5_K,
    name: "Q5_K",
    id: 13,
    block_len: LEN,
    block_bytes: 176,
    codec: Codec::Groups { group: 32, bits: 8, half_params: false, halves: &[0, 2], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    super_block::unpack_params(block, params);
    let (high, low) = block[16..].split_at(32);
    for (bytes, codes) in low.chunks(32).zip(codes.chunks_mut(64)) {
        nibbles(bytes, codes);
    }
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= ((high[i % 32] >> (i / 32) & 1) << 4) as i8;
    }
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let fit = Affine::fit(values, 32, 31, 63);
    let codes = fit.codes(values, 32, 31);
    super_block::put_params(&fit, out);
    out.extend((0..32).map(|l| (0..8).fold(0, |byte, k| byte | (codes[32 * k + l] >> 4) << k)));
    for codes in codes.chunks(64) {
        put_nibbles(codes, out);
    }
}
