//! The KV cache: pages of [`PAGE`] positions, which are added as a text grows and rolled back by length (callers keep the
//! length; positions beyond it are overwritten).
//!
//! A page has the keys, then the values, of one layer at its positions, head after head, in groups of eight numbers:
//!
//! - keys: eight positions a group, `[position / 8][element][position % 8]`, so that scores of eight positions are
//!   computed at once without adding across lanes;
//! - values: eight elements a group, `[element / 8][position][element % 8]`, padded with zeros: a kernel reads one group
//!   of every position, in order.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::scratch::Scratch;
use crate::model::{CacheType, Config, Mixer};
use crate::round::{Error, MAX_ROWS};

/// Positions of a page.
pub const PAGE: usize = 64;

/// Slots beyond the capacity, for the nodes of a tree, of which one path stays.
const SPARE: usize = MAX_ROWS;

/// What the layers remember of one sequence, and the scratch memory of its passes.
#[derive(Debug)]
pub struct Cache {
    capacity: usize,
    kind: CacheType,
    layers: Vec<KeysAndValues>,
    /// Pages added so far, those of all layers at once.
    added: u64,
    pub(super) scratch: Scratch,
}

/// What attention remembers.
#[derive(Debug)]
struct KeysAndValues {
    shape: Shape,
    pages: Vec<Page>,
}

/// Of the keys and values of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    kv_heads: usize,
    head_dim: usize,
}

/// Groups of eight numbers.
#[derive(Debug)]
enum Page {
    F32(Vec<[f32; 8]>),
    F16(Vec<[f16; 8]>),
}

/// One layer's and head's keys and values.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    layer: &'a KeysAndValues,
    head: usize,
}

fn shapes(config: &Config) -> impl Iterator<Item = Shape> {
    config.plan.layers.iter().map(|layer| {
        let Mixer::Attention(attention) = &layer.mixer;
        Shape { kv_heads: attention.kv_heads, head_dim: attention.head_dim }
    })
}

impl Cache {
    /// Room for `capacity` positions, in single precision. It takes memory as [positions are written](Self::reserve).
    pub fn new(config: &Config, capacity: usize) -> Self {
        let layer =
            |shape| KeysAndValues { shape, pages: Vec::with_capacity((capacity + SPARE).div_ceil(PAGE)) };
        let layers = shapes(config).map(layer).collect();
        Self { capacity, kind: CacheType::F32, layers, added: 0, scratch: Scratch::default() }
    }

    /// The same, empty, of other numbers.
    pub fn of_type(mut self, kind: CacheType) -> Self {
        self.release(0);
        self.kind = kind;
        self
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Slots that there can be: of the positions, and of a tree behind them.
    pub(super) fn slots(&self) -> usize {
        self.capacity + SPARE
    }

    /// Whether it was made for a model of this shape.
    pub(super) fn fits(&self, config: &Config) -> bool {
        self.layers.iter().map(|layer| layer.shape).eq(shapes(config))
    }

    /// Memory of keys and values.
    pub fn bytes(&self) -> usize {
        self.layers.iter().flat_map(|layer| &layer.pages).map(Page::bytes).sum()
    }

    /// How often a page was added to each layer.
    pub fn pages_added(&self) -> u64 {
        self.added
    }

    /// Sees to the pages of the first `positions` positions. Passes do so by themselves, but panic where there is no memory.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; nothing has been added then.
    pub fn reserve(&mut self, positions: usize) -> Result<(), Error> {
        let had = self.layers.first().map_or(0, |layer| layer.pages.len());
        for _ in had..positions.div_ceil(PAGE) {
            for layer in &mut self.layers {
                let Some(page) = Page::new(self.kind, layer.shape.page_groups()) else {
                    self.release(had * PAGE);
                    return Err(Error::OutOfMemory { tokens: positions });
                };
                layer.pages.push(page);
            }
            self.added += 1;
        }
        Ok(())
    }

    /// Gives back the pages that none of the first `positions` positions needs.
    pub fn release(&mut self, positions: usize) {
        self.layers.iter_mut().for_each(|layer| layer.pages.truncate(positions.div_ceil(PAGE)));
    }

    /// What `layer` keeps for `kv_head`.
    pub fn head(&self, layer: usize, kv_head: usize) -> Head<'_> {
        Head { layer: &self.layers[layer], head: kv_head }
    }

    /// Writes one position's keys and values, all heads of `layer` one after the other.
    ///
    /// # Panics
    /// When its page is not [there](Self::reserve).
    pub fn write(&mut self, layer: usize, position: usize, key: &[f32], value: &[f32]) {
        let KeysAndValues { shape, pages } = &mut self.layers[layer];
        match &mut pages[position / PAGE] {
            Page::F32(page) => shape.write(page, position % PAGE, key, value, |x| x),
            Page::F16(page) => shape.write(page, position % PAGE, key, value, f16::from_f32),
        }
    }

    /// Of a tree that was written from slot `from` on: moves `path` in front, each node to its position.
    pub fn accept(&mut self, from: usize, path: &[usize]) {
        for (to, slot) in path.iter().enumerate().filter(|(to, slot)| to != *slot) {
            for layer in 0..self.layers.len() {
                // Through single precision, which holds what either type does.
                let (key, value) = self.layers[layer].read(from + slot);
                self.write(layer, from + to, &key, &value);
            }
        }
    }
}

impl KeysAndValues {
    /// What was written to a slot.
    fn read(&self, slot: usize) -> (Vec<f32>, Vec<f32>) {
        match &self.pages[slot / PAGE] {
            Page::F32(page) => self.shape.read(page, slot % PAGE, |x| x),
            Page::F16(page) => self.shape.read(page, slot % PAGE, f16::to_f32),
        }
    }
}

impl Shape {
    /// Groups of a page that are keys of `head`.
    fn keys(self, head: usize) -> Range<usize> {
        let each = PAGE / 8 * self.head_dim;
        head * each..(head + 1) * each
    }

    /// Groups of a page that are values of `head`.
    fn values(self, head: usize) -> Range<usize> {
        let (keys, each) = (self.kv_heads * self.keys(0).len(), PAGE * self.head_dim.div_ceil(8));
        keys + head * each..keys + (head + 1) * each
    }

    fn page_groups(self) -> usize {
        self.values(self.kv_heads).start
    }

    fn write<T: Copy>(
        self,
        page: &mut [[T; 8]],
        at: usize,
        key: &[f32],
        value: &[f32],
        number: impl Fn(f32) -> T,
    ) {
        let dim = self.head_dim;
        let heads = (0..self.kv_heads).zip(key.chunks_exact(dim)).zip(value.chunks_exact(dim));
        for ((head, key), value) in heads {
            let keys = &mut page[self.keys(head)][at / 8 * dim..][..dim];
            keys.iter_mut().zip(key).for_each(|(group, k)| group[at % 8] = number(*k));
            let values = page[self.values(head)][at..].iter_mut().step_by(PAGE);
            for (group, value) in values.zip(value.chunks(8)) {
                group.iter_mut().zip(value).for_each(|(to, v)| *to = number(*v));
            }
        }
    }

    fn read<T: Copy>(self, page: &[[T; 8]], at: usize, number: impl Fn(T) -> f32) -> (Vec<f32>, Vec<f32>) {
        let dim = self.head_dim;
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for head in 0..self.kv_heads {
            let keys = &page[self.keys(head)][at / 8 * dim..][..dim];
            key.extend(keys.iter().map(|group| number(group[at % 8])));
            let values = page[self.values(head)][at..].iter().step_by(PAGE);
            value.extend(values.flatten().take(dim).map(|v| number(*v)));
        }
        (key, value)
    }
}

impl Page {
    /// Zeros; `None` where there is no memory.
    fn new(kind: CacheType, groups: usize) -> Option<Self> {
        fn zeros<T: Copy + Default>(groups: usize) -> Option<Vec<[T; 8]>> {
            let mut page = Vec::new();
            page.try_reserve_exact(groups).ok()?;
            page.resize(groups, [T::default(); 8]);
            Some(page)
        }
        Some(match kind {
            CacheType::F32 => Self::F32(zeros(groups)?),
            CacheType::F16 => Self::F16(zeros(groups)?),
        })
    }

    fn bytes(&self) -> usize {
        match self {
            Self::F32(page) => size_of_val(page.as_slice()),
            Self::F16(page) => size_of_val(page.as_slice()),
        }
    }

    /// Those groups in single precision, in `room` where they are not.
    fn floats<'a>(&'a self, groups: Range<usize>, room: &'a mut [[f32; 8]]) -> &'a [[f32; 8]] {
        match self {
            Self::F32(page) => &page[groups],
            Self::F16(page) => {
                let room = &mut room[..groups.len()];
                page[groups].as_flattened().convert_to_f32_slice(room.as_flattened_mut());
                room
            }
        }
    }
}

impl Head<'_> {
    /// Groups that [`Self::keys`] and [`Self::values`] need room for.
    pub fn room(head_dim: usize) -> usize {
        PAGE.max(PAGE / 8 * head_dim)
    }

    /// The keys of a page: `[position / 8][element][position % 8]`, in `room` where they are not kept in single precision.
    pub fn keys<'a>(&'a self, page: usize, room: &'a mut [[f32; 8]]) -> &'a [[f32; 8]] {
        let KeysAndValues { shape, pages } = self.layer;
        pages[page].floats(shape.keys(self.head), room)
    }

    /// Elements `8 * group..8 * group + 8` of a page's values, position by position.
    pub fn values<'a>(&'a self, page: usize, group: usize, room: &'a mut [[f32; 8]]) -> &'a [[f32; 8]] {
        let KeysAndValues { shape, pages } = self.layer;
        let first = shape.values(self.head).start + group * PAGE;
        pages[page].floats(first..first + PAGE, room)
    }
}
