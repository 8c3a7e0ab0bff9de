//! The KV cache: fixed capacity, rolled back by length (callers keep the length; positions beyond it are overwritten).
//!
//! Keys and values of one layer and key/value head lie together, in groups of eight floats:
//!
//! - keys: eight positions a group, `[position / 8][element][position % 8]`, so that scores of eight positions are
//!   computed at once without adding across lanes;
//! - values: eight elements a group, `[element / 8][position][element % 8]`, padded with zeros: a kernel reads one group
//!   of every position, in order.

use super::scratch::Scratch;
use crate::model::{CacheType, Config, Mixer};

/// What the layers remember of one sequence in f32, and the scratch memory of its passes.
#[derive(Debug)]
pub struct Cache {
    capacity: usize,
    of: CacheType,
    layers: Vec<KeysAndValues>,
    pub(super) scratch: Scratch,
}

/// What attention remembers.
#[derive(Debug)]
struct KeysAndValues {
    kv_heads: usize,
    head_dim: usize,
    keys: Vec<[f32; 8]>,
    values: Vec<[f32; 8]>,
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
        let layer = |layer: &crate::model::Layer| {
            let Mixer::Attention(attention) = &layer.mixer;
            let (kv_heads, head_dim) = (attention.kv_heads, attention.head_dim);
            KeysAndValues {
                kv_heads,
                head_dim,
                keys: vec![[0.0; 8]; kv_heads * capacity.div_ceil(8) * head_dim],
                values: vec![[0.0; 8]; kv_heads * capacity * head_dim.div_ceil(8)],
            }
        };
        Self {
            capacity,
            of: CacheType::F32,
            layers: config.plan.layers.iter().map(layer).collect(),
            scratch: Scratch::default(),
        }
    }

    /// The same, empty, of other numbers.
    pub fn of_type(mut self, of: CacheType) -> Self {
        self.of = of;
        self
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether it was made for a model of this shape.
    pub(super) fn fits(&self, config: &Config) -> bool {
        let same = |(own, layer): (&KeysAndValues, &crate::model::Layer)| {
            let Mixer::Attention(attention) = &layer.mixer;
            (own.kv_heads, own.head_dim) == (attention.kv_heads, attention.head_dim)
        };
        self.layers.len() == config.plan.layers.len() && self.layers.iter().zip(&config.plan.layers).all(same)
    }

    /// Memory of keys and values.
    pub fn bytes(&self) -> usize {
        let bytes = |l: &KeysAndValues| size_of_val(l.keys.as_slice()) + size_of_val(l.values.as_slice());
        self.layers.iter().map(bytes).sum()
    }

    /// What `layer` keeps for `kv_head`.
    pub fn head(&self, layer: usize, kv_head: usize) -> Head<'_> {
        let own = &self.layers[layer];
        let (keys, values) = own.sizes(self.capacity);
        Head {
            keys: &own.keys[kv_head * keys..][..keys],
            values: &own.values[kv_head * values..][..values],
            capacity: self.capacity,
        }
    }

    /// Writes one position's keys and values, all heads of `layer` one after the other.
    pub fn write(&mut self, layer: usize, position: usize, key: &[f32], value: &[f32]) {
        let of = self.of;
        let kept = |x: f32| if of == CacheType::F16 { half::f16::from_f32(x).to_f32() } else { x };
        let own = &mut self.layers[layer];
        let (keys, values) = own.sizes(self.capacity);
        let dim = own.head_dim;
        let heads = (0..own.kv_heads).zip(key.chunks_exact(dim)).zip(value.chunks_exact(dim));
        for ((head, key), value) in heads {
            let groups = &mut own.keys[head * keys + position / 8 * dim..][..dim];
            groups.iter_mut().zip(key).for_each(|(group, k)| group[position % 8] = kept(*k));
            let groups = own.values[head * values..][..values].chunks_exact_mut(self.capacity);
            groups.zip(value.chunks(8)).for_each(|(group, v)| {
                group[position].iter_mut().zip(v).for_each(|(kept_v, v)| *kept_v = kept(*v))
            });
        }
    }
}

impl KeysAndValues {
    /// Groups of keys, and of values, that a head takes.
    fn sizes(&self, capacity: usize) -> (usize, usize) {
        (capacity.div_ceil(8) * self.head_dim, capacity * self.head_dim.div_ceil(8))
    }
}
