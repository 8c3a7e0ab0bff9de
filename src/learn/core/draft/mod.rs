//! Drafts as burn modules: llama layers of any width and depth, over some of the target's ids, fed by tokens or by the
//! target's hidden states as well. The format, and what an engine must do with it, is [`crate::model::draft`].
//!
//! [`Weights`] are the bridge: named f32 tensors in the file's layout. A [`Student`] is made of them, and becomes them
//! again; [`mod@file`] turns them into GGUF and back.

mod arch;
mod block;
pub mod file;
pub mod init;
mod net;
pub mod regression;
mod student;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weights;

pub use arch::{ARCHITECTURES, Architecture, Shape};
pub use net::{Inputs, Net};
pub use regression::regress;
pub use student::{Frozen, Spoken, Student};
pub use vocabulary::Vocabulary;
pub use weights::Weights;
