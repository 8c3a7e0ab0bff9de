//! What a round has room for, on every device.

/// Most rows of a verifying pass: the context's last token, and the proposal.
pub const MAX_ROWS: usize = 16;
