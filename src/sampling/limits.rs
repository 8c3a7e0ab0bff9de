//! What there is room for, on every device.

/// Most entries of [`Sampling::logit_bias`](super::Sampling::logit_bias).
pub const MAX_BIAS: usize = 256;
/// Most tokens that end a generation. A tokenizer has fewer; the table of ends of turn alone has some forty.
pub const MAX_STOPS: usize = 64;
/// Most tokens of history that penalties look at.
pub const MAX_PENALTY_WINDOW: u32 = 256;
