//! Weights as named f32 tensors, in the layout of the file: matrices row-major, a row an output.

use std::collections::HashMap;

use crate::gguf::Stream;
use crate::model::{Config, Draft, Role, Rope, RopeStyle, Slot, Wanted, parts};
use crate::source::ByteSource;

/// Weights by slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(pub HashMap<Slot, Vec<f32>>);

impl Weights {
    /// Reads and dequantizes every tensor of `stream` that has a slot, a model of `config`'s; those that are several in one
    /// are read as those several.
    ///
    /// # Errors
    /// What can be wrong with the file.
    pub async fn read<S: ByteSource>(
        stream: &mut Stream<S>,
        slots: &[Option<Slot>],
        config: &Config,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Result<Self, crate::gguf::Error> {
        let table = stream.header().tensors.clone();
        let mut weights = Self::default();
        while let Some(window) = stream.next_window().await? {
            let tensor = &table[window.tensor];
            let Some(slot) = slots[window.tensor].filter(&wanted) else { continue };
            let columns = tensor.columns();
            let mut values = vec![0.0; window.rows * columns];
            tensor.format.dequantize(window.bytes, &mut values);
            for (slot, rows) in parts(config, slot, tensor) {
                let here = window.overlap(&rows);
                let values = &values[here.start * columns..here.end * columns];
                weights.0.entry(slot).or_default().extend_from_slice(values);
            }
        }
        Ok(weights)
    }

    /// A tensor.
    pub fn get(&self, layer: Option<usize>, role: Role) -> Option<&[f32]> {
        self.0.get(&Slot { layer, role }).map(Vec::as_slice)
    }

    /// Sets a tensor.
    pub fn set(&mut self, layer: Option<usize>, role: Role, values: Vec<f32>) {
        self.0.insert(Slot { layer, role }, values);
    }

    /// Random weights for `draft`: matrices normal with variance `1 / columns`, norms 1.
    pub fn random(draft: &Draft, seed: u64) -> Self {
        let mut weights = Self::default();
        for (at, Wanted { slot, shape, needed, .. }) in draft.wanted().into_iter().enumerate() {
            if !needed {
                continue;
            }
            let count = shape.iter().product();
            let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(at as u64));
            let spread = 1.0 / (shape[0] as f32).sqrt();
            let mut value = || {
                // Twelve uniform numbers make a normal one.
                let sum: f32 = (0..12).map(|_| random.f32()).sum();
                (sum - 6.0) * spread
            };
            let values =
                if shape.len() == 1 { vec![1.0; count] } else { (0..count).map(|_| value()).collect() };
            weights.0.insert(slot, values);
        }
        weights
    }
}

/// Reorders the rows of a query or key projection of `heads` heads, `head_dim` wide, between rope's two styles: `to_halves` from elements
/// `2i, 2i + 1` to `i, i + dim / 2`, otherwise back. Queries and keys change alike, so that scores stay what they are.
pub(super) fn reorder(
    rope: &Rope,
    head_dim: usize,
    heads: usize,
    values: &[f32],
    to_halves: bool,
) -> Vec<f32> {
    if rope.style == RopeStyle::Halves {
        return values.to_vec();
    }
    let (half, columns) = (rope.dim / 2, values.len() / (heads * head_dim));
    let mut reordered = values.to_vec();
    for head in 0..heads {
        let row = |element: usize| (head * head_dim + element) * columns;
        for pair in 0..half {
            for (interleaved, halves) in [(2 * pair, pair), (2 * pair + 1, half + pair)] {
                let (from, to) = if to_halves { (interleaved, halves) } else { (halves, interleaved) };
                reordered[row(to)..row(to) + columns]
                    .copy_from_slice(&values[row(from)..row(from) + columns]);
            }
        }
    }
    reordered
}

/// The transpose of a `rows x columns` matrix.
pub(super) fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    let mut out = vec![0.0; values.len()];
    for (row, values) in values.chunks_exact(columns).enumerate() {
        for (column, value) in values.iter().enumerate() {
            out[column * rows + row] = *value;
        }
    }
    out
}
