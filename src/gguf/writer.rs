//! Writing GGUF files: drafts, pruned models and models made by tests.

use super::header::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC};
use super::shards::{COUNT_KEY, NO_KEY, TENSORS_KEY};
use super::wire::{put_string, put_u32, put_u64};
use super::{Format, Metadata, Value};

/// A file being put together in memory: version 3, little-endian, 32-byte alignment unless `general.alignment` is
/// another power of two.
#[derive(Debug, Clone, Default)]
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
        let name = name.into();
        let rows: usize = shape[1..].iter().product();
        assert_eq!(
            shape[0] % format.spec().block_len,
            0,
            "{name}: rows of {shape:?} are not whole {format} blocks"
        );
        assert_eq!(bytes.len(), format.row_bytes(shape[0]) * rows, "{name}: bytes for {shape:?} in {format}");
        self.tensors.push((name, shape.to_vec(), format, bytes));
    }

    /// Adds a tensor from f32 values, quantized to `format` (round to nearest).
    ///
    /// # Panics
    /// When `shape` is not of `values`, or its rows are not whole blocks of `format`.
    pub fn tensor_f32(&mut self, name: impl Into<String>, shape: &[usize], format: Format, values: &[f32]) {
        self.tensor(name, shape, format, format.quantize(values));
    }

    /// The same model split over several files, as llama.cpp's `gguf-split` does it: so many tensors in each.
    ///
    /// # Panics
    /// When `counts` are not those of all tensors.
    pub fn finish_shards(self, counts: &[usize]) -> Vec<Vec<u8>> {
        let total = self.tensors.len();
        assert_eq!(counts.iter().sum::<usize>(), total, "the shards have all tensors");
        let mut first = Some(self.metadata);
        let mut tensors = self.tensors.into_iter();
        let shard = |(no, count): (usize, &usize)| {
            let mut metadata = first.take().unwrap_or_default();
            metadata.set(NO_KEY, Value::U16(no as u16));
            metadata.set(COUNT_KEY, Value::U16(counts.len() as u16));
            metadata.set(TENSORS_KEY, Value::I32(total as i32));
            Self { metadata, tensors: tensors.by_ref().take(*count).collect() }.finish()
        };
        counts.iter().enumerate().map(shard).collect()
    }

    /// As [`Self::finish_shards`], over `count` files of about as many tensors each.
    pub fn finish_evenly(self, count: usize) -> Vec<Vec<u8>> {
        let cut = |i: usize| i * self.tensors() / count;
        let counts: Vec<usize> = (0..count).map(|i| cut(i + 1) - cut(i)).collect();
        self.finish_shards(&counts)
    }

    /// How many tensors there are.
    pub fn tensors(&self) -> usize {
        self.tensors.len()
    }

    /// The file.
    pub fn finish(mut self) -> Vec<u8> {
        let alignment = match self.metadata.get(ALIGNMENT_KEY) {
            None => DEFAULT_ALIGNMENT,
            Some(value) => value.as_uint().filter(|a| a.is_power_of_two()).unwrap_or_else(|| {
                self.metadata.set(ALIGNMENT_KEY, Value::U32(DEFAULT_ALIGNMENT as u32));
                DEFAULT_ALIGNMENT
            }),
        } as usize;
        let mut out = MAGIC.to_vec();
        put_u32(&mut out, 3);
        put_u64(&mut out, self.tensors.len() as u64);
        put_u64(&mut out, self.metadata.0.len() as u64);
        for (key, value) in &self.metadata.0 {
            put_string(&mut out, key.as_bytes());
            value.write(&mut out);
        }
        let mut offset = 0;
        for (name, shape, format, bytes) in &self.tensors {
            put_string(&mut out, name.as_bytes());
            put_u32(&mut out, shape.len() as u32);
            shape.iter().for_each(|n| put_u64(&mut out, *n as u64));
            put_u32(&mut out, format.spec().id);
            put_u64(&mut out, offset as u64);
            offset += bytes.len().next_multiple_of(alignment);
        }
        out.reserve_exact(offset + alignment);
        for (_, _, _, bytes) in self.tensors {
            out.resize(out.len().next_multiple_of(alignment), 0);
            out.extend_from_slice(&bytes);
        }
        out.resize(out.len().next_multiple_of(alignment), 0);
        out
    }
}
