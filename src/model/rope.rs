//! Rotary position embedding (arXiv 2104.09864): the table of cosines and sines that both engines read.

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
}

impl Rope {
    /// `[cos, sin]` for each position below `positions` and each pair `i < dim / 2` of the angle
    /// `position / scale * base^(-2i / dim) / factors[i]`. `factors` is llama 3's tensor `rope_freqs.weight`.
    /// Angles are computed in f64: WGSL's `cos` loses precision at large ones.
    pub fn table(&self, positions: usize, factors: Option<&[f32]>) -> Vec<[f32; 2]> {
        let half = self.dim / 2;
        let frequency = |i: usize| {
            let f = self.base.powf(-2.0 * i as f64 / self.dim as f64) / self.scale;
            factors.map_or(f, |v| f / f64::from(v[i]))
        };
        let frequencies: Vec<f64> = (0..half).map(frequency).collect();
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |f| p as f64 * f));
        angles.map(|a| [a.cos() as f32, a.sin() as f32]).collect()
    }
}
