//! The forward pass on the CPU, with SIMD: what runs where WebGPU is missing or a software adapter, and the oracle
//! for every GPU kernel.
//!
//! Weights stay quantized ([`Matrix`]), activations are int16 where they meet them, sums are f32 in one fixed order: a
//! row's logits are bitwise the same whatever other rows are in the pass, whatever the instruction set, and
//! whatever the number of threads ([`Team`]).
//!
//! [`mod@reference`] is the same arithmetic in plain float64 loops, which the pass is tested against.

pub mod activations;
mod batch;
mod cache;
mod draft;
mod layer;
mod load;
pub mod math;
mod matrix;
mod model;
pub mod ops;
pub mod reference;
mod scratch;
mod session;
pub mod simd;
mod tapped;
pub mod team;
#[cfg(test)]
mod tests;

pub use batch::Output;
pub use cache::{Cache, Head, PAGE};
pub use draft::Draft;
pub use matrix::Matrix;
pub use model::{Logits, Model};
pub use session::{DraftReader, Session, States, TargetReader};
pub use simd::Level;
pub use team::Team;
