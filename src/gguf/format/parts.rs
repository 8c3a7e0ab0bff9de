//! Pieces that several formats share.

use half::f16;

/// The half-precision number at byte `at`.
pub(super) fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// Appends `value` in half precision.
pub(super) fn put_half(out: &mut Vec<u8>, value: f32) {
    out.extend_from_slice(&f16::from_f32(value).to_le_bytes());
}

/// `value` as half precision keeps it.
pub(super) fn as_half(value: f32) -> f32 {
    f16::from_f32(value).to_f32()
}

/// `1 / scale`; 0 for the scale 0 of an all-zero group.
pub(super) fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { scale.recip() }
}

/// Least and greatest value.
pub(super) fn bounds(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
}

/// The value of greatest magnitude, with its sign; the first of equals.
pub(super) fn extreme(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |best: f32, &v| if v.abs() > best.abs() { v } else { best })
}

/// Unpacks nibbles: the low ones are the first half of `codes`, the high ones the second.
pub(super) fn nibbles(bytes: &[u8], codes: &mut [i8]) {
    let (low, high) = codes.split_at_mut(bytes.len());
    for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
        *low = (byte & 15) as i8;
        *high = (byte >> 4) as i8;
    }
}

/// Appends the low four bits of `codes` as [`nibbles`] reads them.
pub(super) fn put_nibbles(codes: &[u8], out: &mut Vec<u8>) {
    let (low, high) = codes.split_at(codes.len() / 2);
    out.extend(low.iter().zip(high).map(|(low, high)| (low & 15) | (high << 4)));
}

/// Adds bit `j` of the little-endian number at `at` to code `j`, as its bit 4 (the fifth bits of `Q5_0` and `Q5_1`).
pub(super) fn fifth_bits(bytes: &[u8], at: usize, codes: &mut [i8]) {
    for (j, code) in codes.iter_mut().enumerate() {
        *code |= ((bytes[at + j / 8] >> (j % 8) & 1) << 4) as i8;
    }
}

/// Appends bit 4 of each code as [`fifth_bits`] reads them.
pub(super) fn put_fifth_bits(codes: &[u8], out: &mut Vec<u8>) {
    let byte = |codes: &[u8]| codes.iter().enumerate().fold(0, |byte, (j, code)| byte | (code >> 4 & 1) << j);
    out.extend(codes.chunks(8).map(byte));
}
