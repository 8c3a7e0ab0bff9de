//! Q4_K: 256 weights in 144 bytes, 8 groups of 32, `weight = d * scale * code - dmin * min`.
//!
//! Bytes: 16 of parameters ([`super_block::unpack_params`]); 128 of codes: each 32 of them hold two groups, one in
//! the low nibbles, the next in the high ones.

use super::parts::{nibbles, put_nibbles};
use super::super_block::{self, Affine, LEN};
use super::{Codec, Format, Spec};

pub(super) const SPEC: Spec = Spec {
    format: Format::Q4_K,
    name: "Q4_K",
    id: 12,
    block_len: LEN,
    block_bytes: 144,
    codec: Codec::Groups { group: 32, bits: 4, half_params: false, halves: &[0, 2], unpack },
    quantize,
};

fn unpack(block: &[u8], codes: &mut [i8], params: &mut [[f32; 2]]) {
    super_block::unpack_params(block, params);
    for (bytes, codes) in block[16..].chunks(32).zip(codes.chunks_mut(64)) {
        nibbles(bytes, codes);
    }
}

fn quantize(values: &[f32], out: &mut Vec<u8>) {
    let fit = Affine::fit(values, 32, 15, 63);
    super_block::put_params(&fit, out);
    for codes in fit.codes(values, 32, 15).chunks(64) {
        put_nibbles(codes, out);
    }
}
