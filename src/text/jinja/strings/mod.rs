//! Strings: their methods, and what is formatted into them.

mod format;
pub mod methods;
pub mod percent;
mod spec;
