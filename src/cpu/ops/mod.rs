//! What a plan is made of, a file an operation; `gpu/ops` has those of the same names. Products aside, they are in plain Rust
//! that compiles to SIMD.

pub mod attention;
pub mod embed;
pub mod fuse;
pub mod gate;
pub mod matvec;
pub mod norm;
pub mod rope;
pub mod softcap;
