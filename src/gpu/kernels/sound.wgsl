// Which logits are no faults (sampling/sound.rs). Tests of bits: WGSL may take it that no f32 is NaN or infinite.
const MINUS_INFINITY = 0xff800000u;
fn is_finite(bits: u32) -> bool { return (bits & 0x7f800000u) != 0x7f800000u; }
fn is_fault(bits: u32) -> bool { return !is_finite(bits) && bits != MINUS_INFINITY; }
