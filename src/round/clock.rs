//! The time that rounds are measured by.

use std::sync::OnceLock;

use web_time::Instant;

/// Milliseconds since this was first asked.
pub fn now_ms() -> f64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}
