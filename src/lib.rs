//! Speculative decoding for the browser (and natively, from the same source).
//!
//! A small *draft* model proposes tokens, the *target* model verifies them all in one pass, and the text that
//! comes out is exactly the target's own. Both run on WebGPU, or on the CPU with SIMD where there is no GPU.
//!
//! Data flows one way, and so do the modules:
//!
//! ```text
//! source (bytes) -> gguf -> model -> gpu | cpu -> load -> web -> the npm package
//!                     \-> text (tokenizer, chat template)
//! sampling -> verify -> round -> gpu | cpu
//!                         \-> drafters -> decode -> web
//! ```
//!
//! - [`source`]: sequential bytes from a file, a `fetch` stream or memory;
//! - [`gguf`]: the file format, its block formats, and a writer for drafts and test models;
//! - [`text`]: tokenizer and chat template from the file's own metadata;
//! - [`model`]: hyper-parameters and what the layers of a family compute, tensor roles;
//! - [`sampling`]: what is sampled from logits, defined once, in whole numbers, for every device;
//! - [`verify`]: how much of a proposal is kept; [`drafters`]: who proposes;
//! - [`round`]: what a round is, and the [`round::Engine`] that both backends are;
//! - [`gpu`] and [`cpu`]: the same forward pass and the same rounds twice; the CPU's are the oracle for every kernel;
//! - [`decode`]: [`decode::Generator`], which drives any engine, and statistics;
//! - [`mod@load`]: from files to an engine;
//! - `learn` (the features `learn-core` and `learn`): distilling drafts, and measuring what they are worth.

pub mod cpu;
pub mod decode;
pub mod drafters;
pub mod error;
pub mod gguf;
pub mod gpu;
#[cfg(feature = "learn-core")]
pub mod learn;
pub mod load;
pub mod model;
pub mod round;
pub mod sampling;
pub mod source;
pub mod text;
pub mod verify;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use error::Error;
