//! Which matvec kernel runs: the one place that is asked, by matrix and row count. Every variant is batch-invariant; none is
//! right for all machines.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::layout::{Layout, Order};
use super::matrix::Matrix;
use super::ops::Form;
use super::words::MAX_ROWS;

/// A matvec kernel and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// One invocation computes `rows` outputs, no barriers: software adapters and small GPUs.
    Lane {
        /// Outputs of an invocation: 2, 4 or 8.
        rows: usize,
        /// Invocations of a workgroup.
        workgroup: usize,
    },
    /// `lanes` invocations share a pair of outputs and add up through workgroup memory: desktop GPUs.
    Group {
        /// Invocations that share a pair.
        lanes: usize,
        /// Invocations of a workgroup.
        workgroup: usize,
    },
}

impl Variant {
    /// The candidates of the start-up timing.
    pub const ALL: [Self; 4] = [
        Self::Lane { rows: 8, workgroup: 32 },
        Self::Lane { rows: 4, workgroup: 32 },
        Self::Lane { rows: 2, workgroup: 32 },
        Self::Group { lanes: 8, workgroup: 64 },
    ];

    pub(super) fn workgroup(self) -> usize {
        match self {
            Self::Lane { workgroup, .. } | Self::Group { workgroup, .. } => workgroup,
        }
    }

    /// The order of weights that its memory accesses want.
    pub(super) fn order(self) -> Order {
        match self {
            Self::Lane { .. } => Order::WordMajor,
            Self::Group { .. } => Order::RowMajor,
        }
    }
}

/// The kernels of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    variant: Variant,
    /// Whether there are more execution units than workgroups of a short dispatch: everything but software adapters.
    wide: bool,
}

/// A matvec kernel for a number of rows.
pub(super) struct Kernel {
    pub variant: Variant,
    /// Rows of activations that share a load of weights; divides the number of rows.
    pub tile: usize,
}

/// Most rows that share a load of weights: beyond, accumulators no longer fit registers.
const MAX_TILE: usize = 8;

impl Choice {
    /// `variant` for everything, and the other kernels as its machines want them.
    pub fn of(variant: Variant) -> Self {
        Self { variant, wide: matches!(variant, Variant::Group { .. }) }
    }

    /// The same for a machine that is `wide` or not, whatever multiplies matrices best there.
    pub(super) fn on(self, wide: bool) -> Self {
        Self { wide, ..self }
    }

    /// The order that a matrix of `[columns, rows]` is to be kept in.
    pub(super) fn order(self, _layout: Layout, _shape: [usize; 2]) -> Order {
        self.variant.order()
    }

    /// How attention of `rows` rows spreads.
    pub(super) fn attention(self, rows: usize) -> Form {
        match self.wide {
            // A prompt's rows are workgroups enough, and sums of all its chunks would take much memory.
            true if rows > MAX_ROWS => Form { workgroup: 64, queries: 6, splits: None },
            true => Form { workgroup: 64, queries: 8, splits: Some(32) },
            false => Form { workgroup: 16, queries: 8, splits: None },
        }
    }

    /// What multiplies `matrix`, which is in the order of [`Self::order`], with `rows` rows.
    pub(super) fn kernel(self, _matrix: &Matrix, rows: usize) -> Kernel {
        let tile = (1..=MAX_TILE).rev().find(|tile| rows.is_multiple_of(*tile)).unwrap_or(1);
        Kernel { variant: self.variant, tile }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.variant.fmt(f)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane { rows, .. } => write!(f, "lane{rows}"),
            Self::Group { lanes, .. } => write!(f, "group{lanes}"),
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

/// The variant that an earlier start found best, by adapter name. Plain data for the caller to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Tuning(BTreeMap<String, String>);

impl Tuning {
    /// What is remembered for `adapter`, unless it is a variant of another version.
    pub fn get(&self, adapter: &str) -> Option<Variant> {
        self.0.get(adapter)?.parse().ok()
    }

    /// Remembers.
    pub fn set(&mut self, adapter: String, variant: Variant) {
        self.0.insert(adapter, variant.to_string());
    }
}
