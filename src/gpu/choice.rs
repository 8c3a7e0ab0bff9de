//! Which kernel runs: the one place that is asked, of matvecs by matrix and row count. Every kernel is batch-invariant; none is
//! right for all machines, nor for all matrices of one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::layout::{Codes, Layout, Order};
use super::words::MAX_ROWS;

/// In which order the products of a row are added up: what decides its bits, and how weights lie in memory. All kernels of a
/// matrix have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reduction {
    /// One after the other.
    Chain,
    /// So many sums, each of every so manyth block, added up at the end.
    Lanes(usize),
}

impl Reduction {
    /// The order of weights that its kernels' memory accesses want.
    pub(super) fn order(self) -> Order {
        match self {
            Self::Chain => Order::WordMajor,
            Self::Lanes(_) => Order::RowMajor,
        }
    }
}

/// A matvec kernel and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// One invocation computes `rows` outputs, no barriers: software adapters and small GPUs.
    Lane {
        /// Outputs of an invocation: 2, 4 or 8.
        rows: usize,
    },
    /// `lanes` invocations share `rows` outputs and add up through workgroup memory: desktop GPUs.
    Group {
        /// Invocations that share outputs: 8, 16, 32 or 64.
        lanes: usize,
        /// Outputs that they share: 1, 2, 4 or 8.
        rows: usize,
    },
}

impl Variant {
    /// All there are.
    pub const ALL: [Self; 15] = [
        Self::Lane { rows: 2 },
        Self::Lane { rows: 4 },
        Self::Lane { rows: 8 },
        Self::Group { lanes: 8, rows: 2 },
        Self::Group { lanes: 8, rows: 4 },
        Self::Group { lanes: 8, rows: 8 },
        Self::Group { lanes: 16, rows: 2 },
        Self::Group { lanes: 16, rows: 4 },
        Self::Group { lanes: 16, rows: 8 },
        Self::Group { lanes: 32, rows: 1 },
        Self::Group { lanes: 32, rows: 2 },
        Self::Group { lanes: 32, rows: 4 },
        Self::Group { lanes: 64, rows: 1 },
        Self::Group { lanes: 64, rows: 2 },
        Self::Group { lanes: 64, rows: 4 },
    ];

    /// In which order it adds up.
    pub fn reduction(self) -> Reduction {
        match self {
            Self::Lane { .. } => Reduction::Chain,
            Self::Group { lanes, .. } => Reduction::Lanes(lanes),
        }
    }

    /// Invocations of a workgroup.
    pub(super) fn workgroup(self) -> usize {
        match self {
            Self::Lane { .. } => 32,
            Self::Group { lanes: ..=16, .. } => 64,
            Self::Group { .. } => 128,
        }
    }

    /// Outputs that one load of activations serves.
    pub(super) fn rows(self) -> usize {
        match self {
            Self::Lane { rows } | Self::Group { rows, .. } => rows,
        }
    }

    /// Invocations that share them.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Lane { .. } => 1,
            Self::Group { lanes, .. } => lanes,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane { rows } => write!(f, "lane{rows}"),
            Self::Group { lanes, rows } => write!(f, "group{lanes}x{rows}"),
        }
    }
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|v| v.to_string() == name)
            .ok_or_else(|| format!("no matvec variant {name:?}"))
    }
}

/// Most rows that share a load of weights: beyond, accumulators no longer fit registers.
pub(super) const MAX_TILE: usize = 8;

/// The kernels of a matrix, for tiles of 1, 2, up to 4 and up to [`MAX_TILE`] rows. They have one reduction: a row comes out the
/// same whatever rows share its pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernels([Variant; Self::TILES.len()]);

impl Kernels {
    /// Rows of the tiles that have a variant of their own.
    pub(super) const TILES: [usize; 4] = [1, 2, 4, MAX_TILE];

    /// `variant` for every row count.
    pub fn of(variant: Variant) -> Self {
        Self([variant; Self::TILES.len()])
    }

    /// One for each of [`Self::TILES`]; `None` where their bits differ.
    pub(super) fn new(variants: [Variant; Self::TILES.len()]) -> Option<Self> {
        let reduction = variants[0].reduction();
        variants.iter().all(|variant| variant.reduction() == reduction).then_some(Self(variants))
    }

    /// In which order they add up.
    pub fn reduction(&self) -> Reduction {
        self.0[0].reduction()
    }

    /// What multiplies `rows` rows, and in tiles of how many: the last may have room for more than are left. 5 rows are a tile
    /// of 5, 11 are two of 6.
    pub(super) fn kernel(&self, rows: usize) -> (Variant, usize) {
        let tile = rows.div_ceil(rows.div_ceil(MAX_TILE).max(1));
        let class = Self::TILES.iter().position(|most| tile <= *most).unwrap_or(Self::TILES.len() - 1);
        (self.0[class], tile)
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|variant| variant.to_string()).join(" "))
    }
}

impl FromStr for Kernels {
    type Err = String;

    fn from_str(names: &str) -> Result<Self, String> {
        let variants = names.split(' ').map(str::parse).collect::<Result<Vec<Variant>, _>>()?;
        let kernels = variants.try_into().ok().and_then(Self::new);
        kernels.ok_or_else(|| format!("{names:?} are no kernels of one matrix"))
    }
}

/// What kernels are chosen for: how a matrix lies in memory, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shape {
    pub layout: Layout,
    pub columns: usize,
    pub rows: usize,
}

impl Shape {
    /// What kernels are tested on, and timed where one choice must do for all: an MLP projection of a small model.
    pub const USUAL: Self =
        Self { layout: Layout { codes: Codes::Q4, group: 32, half_params: true }, columns: 576, rows: 1536 };

    /// How unlike two shapes are, in doublings.
    fn distance(&self, other: &Self) -> f64 {
        let doublings = |a: usize, b: usize| (a as f64 / b as f64).log2().abs();
        let layouts = if self.layout == other.layout { 0.0 } else { 1.0 };
        layouts + doublings(self.columns, other.columns) + doublings(self.rows, other.rows)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.layout, self.columns, self.rows)
    }
}

/// The shapes of a model's matrices, each as often as it has such a matrix.
#[derive(Debug, Clone, Default)]
pub struct Shapes(Vec<Shape>);

impl Shapes {
    pub(super) fn new(shapes: Vec<Shape>) -> Self {
        Self(shapes)
    }

    /// With those of a draft.
    #[must_use]
    pub fn and(mut self, draft: Self) -> Self {
        self.0.extend(draft.0);
        self
    }

    /// Each once, those that a pass reads most of first.
    pub(super) fn by_weight(&self) -> Vec<Shape> {
        let mut read: BTreeMap<Shape, usize> = BTreeMap::new();
        for shape in &self.0 {
            *read.entry(*shape).or_default() += shape.columns * shape.rows;
        }
        let mut shapes: Vec<Shape> = read.keys().copied().collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(read[shape]));
        shapes
    }
}

/// The kernels of an adapter for the matrices of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice(Vec<(Shape, Kernels)>);

impl Choice {
    /// `variant` for everything.
    pub fn of(variant: Variant) -> Self {
        Self::default().with(Shape::USUAL, Kernels::of(variant))
    }

    /// With `kernels` for `shape`.
    pub(super) fn with(mut self, shape: Shape, kernels: Kernels) -> Self {
        self.0.push((shape, kernels));
        self
    }

    /// What multiplies a matrix: what was chosen for its shape, or for the one most like it.
    pub(super) fn kernels(&self, shape: Shape) -> Kernels {
        let distance = |(other, _): &&(Shape, Kernels)| shape.distance(other);
        let nearest = self.0.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or(Kernels::of(Variant::ALL[0]), |(_, kernels)| *kernels)
    }

    /// All kernels that were chosen, each once.
    pub(super) fn distinct(&self) -> Vec<Kernels> {
        let mut all: Vec<Kernels> = Vec::new();
        for (_, kernels) in &self.0 {
            if !all.contains(kernels) {
                all.push(*kernels);
            }
        }
        all
    }

    /// The names of each shape's kernels, for 1, 2, up to 4 and up to 8 rows.
    pub fn by_shape(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(shape, kernels)| (shape.to_string(), kernels.to_string())).collect()
    }
}

/// The variants in use, the most frequent first.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut uses: Vec<(usize, String)> = Vec::new();
        for variant in self.0.iter().flat_map(|(_, kernels)| kernels.0) {
            let name = variant.to_string();
            match uses.iter_mut().find(|(_, other)| *other == name) {
                Some((count, _)) => *count += 1,
                None => uses.push((1, name)),
            }
        }
        uses.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let names: Vec<String> = uses.into_iter().map(|(_, name)| name).collect();
        f.write_str(&names.join(", "))
    }
}

/// How attention spreads over a machine. Every form gives the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Invocations of a workgroup: one for each key of a chunk, or for every four.
    pub workgroup: usize,
    /// Most queries of a workgroup, unless one row has more.
    pub queries: usize,
    /// Workgroups that share a row's chunks, whose sums are merged afterwards; `None`: one has them all.
    pub splits: Option<usize>,
}

/// How attention of `rows` rows spreads over a machine that is [`wide`](super::Device::wide) or not.
pub(super) fn attention(wide: bool, rows: usize) -> Form {
    match wide {
        // A prompt's rows are workgroups enough, and sums of all their chunks would take much memory.
        true if rows > MAX_ROWS => Form { workgroup: 64, queries: 6, splits: None },
        true => Form { workgroup: 64, queries: 8, splits: Some(32) },
        false => Form { workgroup: 16, queries: 8, splits: None },
    }
}

/// The kernels that earlier starts found best, by adapter, version of the engine, and shape. Plain data for the caller to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Tuning(BTreeMap<String, String>);

impl Tuning {
    /// As if `variant` had been found the fastest on `adapter` for matrices of [`Shape::USUAL`]: on a software adapter, for all.
    pub fn of(adapter: &str, variant: Variant) -> Self {
        let mut tuning = Self::default();
        tuning.set(adapter, Shape::USUAL, Kernels::of(variant));
        tuning
    }

    /// What is remembered for `shape` on `adapter`, unless another version of the engine found it.
    pub(super) fn get(&self, adapter: &str, shape: Shape) -> Option<Kernels> {
        self.0.get(&key(adapter, shape))?.parse().ok()
    }

    /// Remembers, and forgets what other versions found out.
    pub(super) fn set(&mut self, adapter: &str, shape: Shape, kernels: Kernels) {
        self.0.retain(|key, _| key.starts_with(VERSION));
        self.0.insert(key(adapter, shape), kernels.to_string());
    }
}

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), ": ");

fn key(adapter: &str, shape: Shape) -> String {
    format!("{VERSION}{adapter}: {shape}")
}

#[cfg(test)]
mod tests {
    use super::super::layout::Codes;
    use super::*;

    fn shape(columns: usize, rows: usize) -> Shape {
        Shape { layout: Layout { codes: Codes::Q4, group: 32, half_params: true }, columns, rows }
    }

    #[test]
    fn every_row_count_runs_at_its_own_cost() {
        let kernels = Kernels::of(Variant::ALL[0]);
        for rows in 1..=64 {
            let (_, tile) = kernels.kernel(rows);
            let tiles = rows.div_ceil(tile);
            assert!(tile <= MAX_TILE && tiles == rows.div_ceil(MAX_TILE), "{rows} rows in tiles of {tile}");
            assert!(tiles * tile - rows < tiles, "{rows} rows in {tiles} tiles of {tile}");
        }
    }

    #[test]
    fn kernels_of_a_matrix_have_one_order() {
        let mixed = "lane2 lane4 group8x2 group8x4".parse::<Kernels>();
        assert!(mixed.is_err() && "lane2 lane4".parse::<Kernels>().is_err());
        let kernels: Kernels = "lane2 lane2 lane4 lane8".parse().unwrap();
        assert_eq!(kernels.to_string(), "lane2 lane2 lane4 lane8");
        let variants = [1, 2, 3, 4, 5, 8, 16].map(|rows| kernels.kernel(rows).0.to_string());
        assert_eq!(variants, ["lane2", "lane2", "lane4", "lane4", "lane8", "lane8", "lane8"]);
    }

    #[test]
    fn a_shape_gets_what_was_chosen_for_it_or_for_the_one_most_like_it() {
        let [lane, group] = [Variant::ALL[0], Variant::Group { lanes: 8, rows: 2 }].map(Kernels::of);
        let choice = Choice::default().with(shape(576, 960), group).with(shape(576, 49152), lane);
        let of = |columns, rows| choice.kernels(shape(columns, rows));
        assert_eq!([of(576, 960), of(576, 49152)], [group, lane]);
        assert_eq!([of(1536, 576), of(576, 32000), of(960, 128_256)], [group, lane, lane]);
    }

    #[test]
    fn tuning_is_of_an_adapter_a_shape_and_this_version() {
        let kernels: Kernels = "lane2 lane2 lane4 lane8".parse().unwrap();
        let old =
            r#"{"0.0.1: an adapter: q4/32h 576x960": "lane2 lane2 lane2 lane2", "an adapter": "lane4"}"#;
        let mut tuning: Tuning = serde_json::from_str(old).unwrap();
        assert_eq!(tuning.get("an adapter", shape(576, 960)), None);
        tuning.set("an adapter", shape(576, 960), kernels);
        let kept = serde_json::to_string(&tuning).unwrap();
        assert_eq!(kept.matches("adapter").count(), 1, "{kept}");
        let tuning: Tuning = serde_json::from_str(&kept).unwrap();
        assert_eq!(tuning.get("an adapter", shape(576, 960)), Some(kernels));
        assert_eq!(tuning.get("another", shape(576, 960)), None);
        assert_eq!(tuning.get("an adapter", shape(576, 961)), None);
    }
}
