//! The KV cache: fixed capacity, rolled back by length (callers keep the length; positions beyond it are overwritten).
//!
//! Keys and values of one layer and key/value head lie together, in groups of eight floats:
//!
//! - keys: eight positions a group, `[position / 8][element][position % 8]`, so that scores of eight positions are
//!   computed at once without adding across lanes;
//! - values: eight elements a group, `[element / 8][position][element % 8]`, padded with zeros: a kernel reads one group
//!   of every position, in order.

use super::scratch::Scratch;
use crate::model::Config;

/// Keys and values of one sequence in f32, and the scratch memory of its passes.
#[derive(Debug)]
pub struct Cache {
    layers: usize,
    capacity: usize,
    kv_heads: usize,
    head_dim: usize,
    keys: Vec<[f32; 8]>,
    values: Vec<[f32; 8]>,
    pub(super) scratch: Scratch,
}

/// One layer's and head's keys and values.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// `[position / 8][element][position % 8]`.
    pub keys: &'a [[f32; 8]],
    /// `[element / 8][position][element % 8]`, `capacity` positions.
    pub values: &'a [[f32; 8]],
    /// Positions that fit.
    pub capacity: usize,
}

impl Cache {
    /// Room for `capacity` positions.
    pub fn new(config: &Config, capacity: usize) -> Self {
        let heads = config.layers * config.kv_heads;
        Self {
            layers: config.layers,
            capacity,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            keys: vec![[0.0; 8]; heads * capacity.div_ceil(8) * config.head_dim],
            values: vec![[0.0; 8]; heads * capacity * config.head_dim.div_ceil(8)],
            scratch: Scratch::default(),
        }
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether it was made for a model of this shape.
    pub(super) fn fits(&self, config: &Config) -> bool {
        (self.layers, self.kv_heads, self.head_dim) == (config.layers, config.kv_heads, config.head_dim)
    }

    /// Memory of keys and values.
    pub fn bytes(&self) -> usize {
        size_of_val(self.keys.as_slice()) + size_of_val(self.values.as_slice())
    }

    /// Groups of keys, and of values, that a head takes.
    fn sizes(&self) -> (usize, usize) {
        (self.capacity.div_ceil(8) * self.head_dim, self.capacity * self.head_dim.div_ceil(8))
    }

    /// What `layer` keeps for `kv_head`.
    pub fn head(&self, layer: usize, kv_head: usize) -> Head<'_> {
        let (keys, values) = self.sizes();
        let head = layer * self.kv_heads + kv_head;
        Head {
            keys: &self.keys[head * keys..][..keys],
            values: &self.values[head * values..][..values],
            capacity: self.capacity,
        }
    }

    /// Writes one position's keys and values, all heads of `layer` one after the other.
    pub fn write(&mut self, layer: usize, position: usize, key: &[f32], value: &[f32]) {
        let (keys, values) = self.sizes();
        let dim = self.head_dim;
        let heads = layer * self.kv_heads..(layer + 1) * self.kv_heads;
        for ((head, key), value) in heads.zip(key.chunks_exact(dim)).zip(value.chunks_exact(dim)) {
            let groups = &mut self.keys[head * keys + position / 8 * dim..][..dim];
            groups.iter_mut().zip(key).for_each(|(group, k)| group[position % 8] = *k);
            let groups = self.values[head * values..][..values].chunks_exact_mut(self.capacity);
            groups.zip(value.chunks(8)).for_each(|(group, v)| group[position][..v.len()].copy_from_slice(v));
        }
    }
}
