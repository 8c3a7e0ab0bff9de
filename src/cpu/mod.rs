//! The forward pass on the CPU, with SIMD: what runs where WebGPU is missing or a software adapter, and the oracle
//! for every GPU kernel.

mod cache;
mod model;

pub use cache::Cache;
pub use model::{Logits, Model};
