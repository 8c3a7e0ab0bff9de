//! The role of every tensor.

use super::{Config, Error};
use crate::gguf::Header;

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
    AttentionNorm,
    Q,
    K,
    V,
    QBias,
    KBias,
    VBias,
    QNorm,
    KNorm,
    AttentionOutput,
    MlpNorm,
    Gate,
    Up,
    Down,
    /// Norm of the embedding that a draft of [`super::draft`] fuses with the target's state.
    FuseEmbeddingNorm,
    /// Norm of that state.
    FuseHiddenNorm,
    /// The matrix that fuses them.
    Fuse,
}

/// A role in a layer, or (with `layer: None`) outside of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Layer index.
    pub layer: Option<usize>,
    /// Role there.
    pub role: Role,
}

/// The header index of the tensor with `role` in `layer` (`None` for tensors outside the layers).
pub(crate) fn position(slots: &[Option<Slot>], layer: Option<usize>, role: Role) -> Option<usize> {
    slots.iter().position(|slot| *slot == Some(Slot { layer, role }))
}

/// Every tensor that a model of this configuration has: slot, name, shape (innermost first), and whether it must be there.
pub(super) fn wanted(c: &Config) -> Vec<(Slot, String, Vec<usize>, bool)> {
    let (d, q, kv, h) = (c.width, c.q_width(), c.kv_width(), c.head_dim);
    let outside = |role, name: &str, shape: &[usize], needed| {
        (Slot { layer: None, role }, name.to_string(), shape.to_vec(), needed)
    };
    let mut all = vec![
        outside(Role::TokenEmbedding, "token_embd.weight", &[d, c.vocab], true),
        outside(Role::OutputNorm, "output_norm.weight", &[d], true),
        outside(Role::Output, "output.weight", &[d, c.head_vocab], !c.tied),
        outside(Role::RopeFactors, "rope_freqs.weight", &[c.rope.dim / 2], false),
    ];
    for layer in 0..c.layers {
        let mut add = |role, name: &str, shape: &[usize]| {
            all.push((
                Slot { layer: Some(layer), role },
                format!("blk.{layer}.{name}"),
                shape.to_vec(),
                true,
            ));
        };
        add(Role::AttentionNorm, "attn_norm.weight", &[d]);
        add(Role::Q, "attn_q.weight", &[d, q]);
        add(Role::K, "attn_k.weight", &[d, kv]);
        add(Role::V, "attn_v.weight", &[d, kv]);
        if c.family.qkv_bias {
            add(Role::QBias, "attn_q.bias", &[q]);
            add(Role::KBias, "attn_k.bias", &[kv]);
            add(Role::VBias, "attn_v.bias", &[kv]);
        }
        if c.family.qk_norm {
            add(Role::QNorm, "attn_q_norm.weight", &[h]);
            add(Role::KNorm, "attn_k_norm.weight", &[h]);
        }
        add(Role::AttentionOutput, "attn_output.weight", &[q, d]);
        add(Role::MlpNorm, "ffn_norm.weight", &[d]);
        add(Role::Gate, "ffn_gate.weight", &[d, c.ff]);
        add(Role::Up, "ffn_up.weight", &[d, c.ff]);
        add(Role::Down, "ffn_down.weight", &[c.ff, d]);
    }
    all
}

/// Gives every tensor of `header` its slot.
pub(super) fn assign(header: &Header, config: &Config) -> Result<Vec<Option<Slot>>, Error> {
    assign_wanted(header, wanted(config))
}

/// As [`assign`], of a list of tensors.
pub(super) fn assign_wanted(
    header: &Header,
    wanted: Vec<(Slot, String, Vec<usize>, bool)>,
) -> Result<Vec<Option<Slot>>, Error> {
    let by_name: std::collections::HashMap<&str, usize> =
        header.tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let mut slots = vec![None; header.tensors.len()];
    for (slot, name, expected, needed) in wanted {
        match by_name.get(name.as_str()) {
            Some(&i) if header.tensors[i].shape == expected => slots[i] = Some(slot),
            Some(&i) => return Err(Error::Shape { name, found: header.tensors[i].shape.clone(), expected }),
            None if needed => return Err(Error::MissingTensor(name)),
            None => {}
        }
    }
    Ok(slots)
}
