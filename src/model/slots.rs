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
        outside(Role::OutputBias, "output.bias", &[c.head_vocab], false),
        outside(Role::RopeFactors, "rope_freqs.weight", &[c.rope.dim / 2], false),
    ];
    for layer in 0..c.layers {
        let mut add = |role, name: &str, shape: &[usize], needed| {
            all.push((
                Slot { layer: Some(layer), role },
                format!("blk.{layer}.{name}"),
                shape.to_vec(),
                needed,
            ));
        };
        add(Role::AttentionNorm, "attn_norm.weight", &[d], true);
        add(Role::Q, "attn_q.weight", &[d, q], true);
        add(Role::K, "attn_k.weight", &[d, kv], true);
        add(Role::V, "attn_v.weight", &[d, kv], true);
        if c.family.qk_norm {
            add(Role::QNorm, "attn_q_norm.weight", &[h], true);
            add(Role::KNorm, "attn_k_norm.weight", &[h], true);
        }
        add(Role::AttentionOutput, "attn_output.weight", &[q, d], true);
        add(Role::MlpNorm, "ffn_norm.weight", &[d], true);
        add(Role::Gate, "ffn_gate.weight", &[d, c.ff], true);
        add(Role::Up, "ffn_up.weight", &[d, c.ff], true);
        add(Role::Down, "ffn_down.weight", &[c.ff, d], true);
        // Transformers can give any of these to any of the families (`attention_bias`, `mlp_bias`).
        add(Role::QBias, "attn_q.bias", &[q], c.family.qkv_bias);
        add(Role::KBias, "attn_k.bias", &[kv], c.family.qkv_bias);
        add(Role::VBias, "attn_v.bias", &[kv], c.family.qkv_bias);
        add(Role::AttentionOutputBias, "attn_output.bias", &[d], false);
        add(Role::GateBias, "ffn_gate.bias", &[c.ff], false);
        add(Role::UpBias, "ffn_up.bias", &[c.ff], false);
        add(Role::DownBias, "ffn_down.bias", &[d], false);
    }
    all
}

/// Names of tensors that a file may have and that nothing needs: `None` for their slots.
///
/// The frequencies of rope, which old converters wrote out although they follow from `rope.freq_base`.
fn is_known_and_not_needed(name: &str) -> bool {
    name == "rope.freqs"
        || (name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'))).is_some_and(|(layer, name)| {
            layer.parse::<usize>().is_ok()
                && ["attn_rot_embd", "attn.rotary_emb.inv_freq", "attention.wq_rot_embd"]
                    .contains(&name.trim_end_matches(".weight"))
        })
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
    let mut unread = header.tensors.iter().zip(&slots).filter(|(_, slot)| slot.is_none());
    match unread.find(|(tensor, _)| !is_known_and_not_needed(&tensor.name)) {
        Some((tensor, _)) => Err(Error::UnreadTensor(tensor.name.clone())),
        None => Ok(slots),
    }
}
