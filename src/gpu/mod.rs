//! The forward pass and whole rounds on WebGPU: WGSL kernels, static plans, nothing created in the loop.
//!
//! A [`Device`] is opened once; a [`Model`] is weights on it; a [`Session`] is a sequence with its KV caches and the
//! plans over them. Every kernel is batch-invariant: a row's result is bitwise the same whatever other rows share
//! its pass, so greedy speculative output is plain greedy output, bit for bit.

mod cache;
mod choice;
mod device;
mod error;
mod kernel;
mod layout;
mod matrix;
mod model;
mod ops;
mod plan;
#[cfg(any(test, feature = "rigs"))]
pub mod rigs;
mod sampler;
mod self_test;
mod session;
#[cfg(test)]
mod tests;
mod timing;
mod words;

pub use choice::{Choice, Kernels, Reduction, Shapes, Tuning, Variant};
pub use device::{Device, DeviceOptions};
pub use error::Error;
pub use model::Model;
pub use plan::Cost;
pub use self_test::choose_kernels;
#[cfg(any(test, feature = "rigs"))]
pub use session::Timing;
pub use session::{MAX_IN_FLIGHT, MAX_ROWS, Session};
