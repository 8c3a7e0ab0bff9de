//! The families we run. All are pre-norm transformers with rope, grouped-query attention and a gated SiLU MLP; a
//! line says where they differ.

use super::RopeStyle;

/// Where a family differs from the others.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// `general.architecture`, also the prefix of its metadata keys.
    pub name: &'static str,
    /// Which elements of a head rope rotates together.
    pub rope: RopeStyle,
    /// Whether q, k and v have biases (qwen2).
    pub qkv_bias: bool,
    /// Whether each head of q and k is RMS-normalized before rope (qwen3).
    pub qk_norm: bool,
}

/// Every family we run.
pub static FAMILIES: [Family; 3] = [
    Family { name: "llama", rope: RopeStyle::Interleaved, qkv_bias: false, qk_norm: false },
    Family { name: "qwen2", rope: RopeStyle::Halves, qkv_bias: true, qk_norm: false },
    Family { name: "qwen3", rope: RopeStyle::Halves, qkv_bias: false, qk_norm: true },
];
