//! Rotary position embedding (arXiv 2104.09864): the table of cosines and sines that both engines read.

use super::Role;

/// Which elements of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Elements `2i` and `2i + 1` (GGUF's llama files are permuted so).
    Interleaved,
    /// Elements `i` and `i + dim / 2` (neox).
    Halves,
}

/// Parameters of the rotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Which elements pair up.
    pub style: RopeStyle,
    /// Number of rotated elements at the head's beginning; the rest passes through.
    pub dim: usize,
    /// Base of the frequencies (theta).
    pub base: f64,
    /// Positions are divided by this (linear scaling; 1 without).
    pub scale: f64,
    /// What frequencies are divided by.
    pub factors: Factors,
    /// What cosines and sines are multiplied with (1 but for long ropes).
    pub magnitude: f64,
}

/// Which tensor, where the file has it, holds a number for each rotated pair that its frequency is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factors {
    /// None.
    None,
    /// `rope_freqs.weight` (llama 3).
    One,
    /// `rope_factors_short.weight`, or `rope_factors_long.weight` for caches of more than `original_context` positions
    /// (LongRoPE, arXiv 2402.13753).
    ByContext {
        /// The context that the model was trained for at first.
        original_context: usize,
    },
}

impl Factors {
    /// The tensor for caches of `capacity` positions.
    pub fn role(self, capacity: usize) -> Option<Role> {
        match self {
            Self::None => None,
            Self::One => Some(Role::RopeFactors),
            Self::ByContext { original_context } if capacity > original_context => {
                Some(Role::RopeFactorsLong)
            }
            Self::ByContext { .. } => Some(Role::RopeFactorsShort),
        }
    }

    /// Every tensor that it may need.
    pub(super) fn roles(self) -> &'static [Role] {
        match self {
            Self::None => &[],
            Self::One => &[Role::RopeFactors],
            Self::ByContext { .. } => &[Role::RopeFactorsShort, Role::RopeFactorsLong],
        }
    }
}

impl Rope {
    /// Rotation of the first `dim` elements with frequencies from `base`, and no scaling.
    pub fn new(style: RopeStyle, dim: usize, base: f64) -> Self {
        Self { style, dim, base, scale: 1.0, factors: Factors::One, magnitude: 1.0 }
    }

    /// `[cos, sin] * magnitude` for each position below `positions` and each pair `i < dim / 2` of the angle
    /// `position / scale * base^(-2i / dim) / factors[i]`. `factors` is the tensor of [`Factors::role`].
    /// Angles are computed in f64: WGSL's `cos` loses precision at large ones.
    pub fn table(&self, positions: usize, factors: Option<&[f32]>) -> Vec<[f32; 2]> {
        let half = self.dim / 2;
        let frequency = |i: usize| {
            let f = self.base.powf(-2.0 * i as f64 / self.dim as f64) / self.scale;
            factors.map_or(f, |v| f / f64::from(v[i]))
        };
        let frequencies: Vec<f64> = (0..half).map(frequency).collect();
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |f| p as f64 * f));
        angles.map(|a| [a.cos(), a.sin()].map(|x| (x * self.magnitude) as f32)).collect()
    }
}
