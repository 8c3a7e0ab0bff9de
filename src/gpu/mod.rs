//! The forward pass and whole rounds on WebGPU: WGSL kernels, static plans, nothing created in the loop.

mod error;

pub use error::Error;
