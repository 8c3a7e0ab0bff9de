//! What tests and benches run kernels in, and nobody else: no part of the package (the feature `rigs`).

mod peaks;
pub mod replay;
mod rig;

pub use peaks::{Peaks, peaks};
pub use rig::{Decided, Rig};
