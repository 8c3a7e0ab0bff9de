//! What tensors are for.

/// What a tensor is for. Matrices are `[columns = inputs, rows = outputs]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the field's names")]
pub enum Role {
    TokenEmbedding,
    OutputNorm,
    /// The head; absent where it is tied to the embedding.
    Output,
    /// Llama 3's frequency factors, one a rotated pair.
    RopeFactors,
    /// Those of long ropes, for short and for long contexts.
    RopeFactorsShort,
    RopeFactorsLong,
    AttentionNorm,
    Q,
    K,
    V,
    /// Rows of q, of k, then of v.
    Qkv,
    QBias,
    KBias,
    VBias,
    QNorm,
    KNorm,
    AttentionOutput,
    /// Norm of what attention adds to the residual stream.
    AttentionPostNorm,
    MlpNorm,
    Gate,
    Up,
    /// Rows of the gate, then of the up projection.
    GateUp,
    Down,
    /// Norm of what the MLP adds to the residual stream.
    MlpPostNorm,
    AttentionOutputBias,
    GateBias,
    UpBias,
    DownBias,
    /// One number a row of the head, whether that is tied or not.
    OutputBias,
    /// Norm of the embedding that a draft of [`super::draft`] fuses with the target's state.
    FuseEmbeddingNorm,
    /// Norm of that state.
    FuseHiddenNorm,
    /// The matrix that fuses them.
    Fuse,
}

impl Role {
    /// Whether it is added to what a matrix says.
    pub fn is_bias(self) -> bool {
        use Role::{AttentionOutputBias, DownBias, GateBias, KBias, OutputBias, QBias, UpBias, VBias};
        matches!(
            self,
            QBias | KBias | VBias | AttentionOutputBias | GateBias | UpBias | DownBias | OutputBias
        )
    }

    /// Whether it divides frequencies of a rope.
    pub fn is_rope_factor(self) -> bool {
        matches!(self, Self::RopeFactors | Self::RopeFactorsShort | Self::RopeFactorsLong)
    }

    /// The roles whose rows it holds, one after the other: itself, unless it is several in one tensor.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::Qkv => &[Self::Q, Self::K, Self::V],
            Self::GateUp => &[Self::Gate, Self::Up],
            _ => std::slice::from_ref(self),
        }
    }
}

/// A role in a layer, or (with `layer: None`) outside of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Layer index.
    pub layer: Option<usize>,
    /// Role there.
    pub role: Role,
}
