//! Writing GGUF files: drafts, pruned models and models made by tests.

use super::{Format, Metadata};

/// A file being put together in memory: version 3, little-endian, 32-byte alignment.
#[derive(Debug, Default)]
pub struct Writer {
    /// Written in this order.
    pub metadata: Metadata,
    tensors: Vec<(String, Vec<usize>, Format, Vec<u8>)>,
}

impl Writer {
    /// Adds a tensor whose bytes are already in `format`. `shape` is innermost first.
    ///
    /// # Panics
    /// When `bytes` is not what `shape` and `format` need: a bug of the caller's.
    pub fn tensor(&mut self, name: impl Into<String>, shape: &[usize], format: Format, bytes: Vec<u8>) {
        self.tensors.push((name.into(), shape.to_vec(), format, bytes));
    }

    /// Adds a tensor from f32 values, quantized to `format` (round to nearest).
    pub fn tensor_f32(&mut self, name: impl Into<String>, shape: &[usize], format: Format, values: &[f32]) {
        let _ = (name.into(), shape, format, values);
        todo!()
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        todo!()
    }
}
