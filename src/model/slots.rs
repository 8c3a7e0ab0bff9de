//! The tensors that a model has: the role of each, and its name.

use std::ops::Range;

use super::family::Family;
use super::{Attention, Config, Error, Layer, Mixer, Mlp, Norms, Role, Slot};
use crate::gguf::{Header, Tensor};

/// Names of tensors, of those of layers without `blk.N.`. A family's own come first ([`Family::tensors`]).
#[rustfmt::skip]
static NAMES: [(Role, &str); 30] = [
    (Role::TokenEmbedding, "token_embd.weight"),
    (Role::OutputNorm, "output_norm.weight"),
    (Role::Output, "output.weight"),
    (Role::OutputBias, "output.bias"),
    (Role::RopeFactors, "rope_freqs.weight"),
    (Role::RopeFactorsShort, "rope_factors_short.weight"),
    (Role::RopeFactorsLong, "rope_factors_long.weight"),
    (Role::AttentionNorm, "attn_norm.weight"),
    (Role::Q, "attn_q.weight"),
    (Role::K, "attn_k.weight"),
    (Role::V, "attn_v.weight"),
    (Role::QNorm, "attn_q_norm.weight"),
    (Role::KNorm, "attn_k_norm.weight"),
    (Role::AttentionOutput, "attn_output.weight"),
    (Role::AttentionPostNorm, "post_attention_norm.weight"),
    (Role::MlpNorm, "ffn_norm.weight"),
    (Role::Gate, "ffn_gate.weight"),
    (Role::Up, "ffn_up.weight"),
    (Role::Down, "ffn_down.weight"),
    (Role::MlpPostNorm, "post_ffw_norm.weight"),
    (Role::QBias, "attn_q.bias"),
    (Role::KBias, "attn_k.bias"),
    (Role::VBias, "attn_v.bias"),
    (Role::AttentionOutputBias, "attn_output.bias"),
    (Role::GateBias, "ffn_gate.bias"),
    (Role::UpBias, "ffn_up.bias"),
    (Role::DownBias, "ffn_down.bias"),
    (Role::FuseEmbeddingNorm, "fuse.embd_norm.weight"),
    (Role::FuseHiddenNorm, "fuse.hidden_norm.weight"),
    (Role::Fuse, "fuse.weight"),
];

/// What the tensor of a role is called in files of a family; `None` where those have none for it.
fn name(role: Role, family: &Family) -> Option<&'static str> {
    family.tensors.iter().chain(&NAMES).find(|(own, _)| *own == role).map(|(_, name)| *name)
}

/// The header index of the tensor with `role` in `layer` (`None` for tensors outside the layers).
pub(crate) fn position(slots: &[Option<Slot>], layer: Option<usize>, role: Role) -> Option<usize> {
    slots.iter().position(|slot| *slot == Some(Slot { layer, role }))
}

/// A tensor that a model has.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What it is for.
    pub slot: Slot,
    /// Its name.
    pub name: String,
    /// Its shape, innermost first.
    pub shape: Vec<usize>,
    /// Whether it must be there.
    pub needed: bool,
}

/// The tensors of a model, while they are listed.
struct List {
    family: &'static Family,
    layer: Option<usize>,
    tensors: Vec<Wanted>,
}

impl List {
    fn add(&mut self, role: Role, shape: &[usize], needed: bool) {
        let Self { family, layer, .. } = *self;
        let Some(name) = name(role, family) else { return };
        let name = layer.map_or_else(|| name.to_string(), |layer| format!("blk.{layer}.{name}"));
        self.tensors.push(Wanted { slot: Slot { layer, role }, name, shape: shape.to_vec(), needed });
    }

    /// Whether the family has a tensor for the role.
    fn has(&self, role: Role) -> bool {
        name(role, self.family).is_some()
    }

    /// Matrices of `columns` columns that some families have in one tensor.
    fn add_rows(&mut self, together: Role, columns: usize, rows: &[usize]) {
        if self.has(together) {
            return self.add(together, &[columns, rows.iter().sum()], true);
        }
        for (role, rows) in together.parts().iter().zip(rows) {
            self.add(*role, &[columns, *rows], true);
        }
    }

    fn add_layer(&mut self, width: usize, layer: &Layer) {
        let Mixer::Attention(attention) = &layer.mixer;
        let Mlp::Gated { ff, .. } = layer.mlp;
        let after = layer.norms == Norms::BeforeAndAfter;
        self.add(Role::AttentionNorm, &[width], true);
        self.add_attention(width, attention);
        if after {
            self.add(Role::AttentionPostNorm, &[width], true);
        }
        self.add(Role::MlpNorm, &[width], true);
        self.add_rows(Role::GateUp, width, &[ff, ff]);
        self.add(Role::Down, &[ff, width], true);
        if after {
            self.add(Role::MlpPostNorm, &[width], true);
        }
        // Transformers can give any of these to any of the families (`attention_bias`, `mlp_bias`).
        if !self.has(Role::Qkv) {
            let (q, kv, bias) = (attention.q_width(), attention.kv_width(), attention.bias);
            self.add(Role::QBias, &[q], bias);
            self.add(Role::KBias, &[kv], bias);
            self.add(Role::VBias, &[kv], bias);
        }
        self.add(Role::AttentionOutputBias, &[width], false);
        if !self.has(Role::GateUp) {
            self.add(Role::GateBias, &[ff], false);
            self.add(Role::UpBias, &[ff], false);
        }
        self.add(Role::DownBias, &[width], false);
    }

    fn add_attention(&mut self, width: usize, attention: &Attention) {
        let (q, kv, head) = (attention.q_width(), attention.kv_width(), attention.head_dim);
        self.add_rows(Role::Qkv, width, &[q, kv, kv]);
        if attention.qk_norm {
            self.add(Role::QNorm, &[head], true);
            self.add(Role::KNorm, &[head], true);
        }
        self.add(Role::AttentionOutput, &[q, width], true);
    }
}

/// Every tensor that a model of this configuration has, made as they are asked for: a header may claim any number of layers.
pub(super) fn wanted(c: &Config) -> impl Iterator<Item = Wanted> {
    let mut list = List { family: c.family, layer: None, tensors: Vec::new() };
    list.add(Role::TokenEmbedding, &[c.width, c.vocab], true);
    list.add(Role::OutputNorm, &[c.width], true);
    list.add(Role::Output, &[c.width, c.head_vocab], !c.tied);
    list.add(Role::OutputBias, &[c.head_vocab], false);
    for rope in &c.plan.ropes {
        rope.factors.roles().iter().for_each(|role| list.add(*role, &[rope.dim / 2], false));
    }
    let layers = c.plan.layers.iter().enumerate().flat_map(|(index, layer)| {
        let mut list = List { family: c.family, layer: Some(index), tensors: Vec::new() };
        list.add_layer(c.width, layer);
        list.tensors
    });
    list.tensors.into_iter().chain(layers)
}

/// Every tensor of what fuses an embedding of width `e` and a state of width `t` to a row of a draft's width.
pub(super) fn wanted_to_fuse(c: &Config, e: usize, t: usize) -> Vec<Wanted> {
    let mut list = List { family: c.family, layer: None, tensors: Vec::new() };
    list.add(Role::FuseEmbeddingNorm, &[e], true);
    list.add(Role::FuseHiddenNorm, &[t], true);
    list.add(Role::Fuse, &[e + t, c.width], true);
    list.tensors
}

/// Outputs of those matrices of a layer that may be in one tensor with others.
pub(crate) fn outputs(layer: &Layer, role: Role) -> Option<usize> {
    let Mixer::Attention(attention) = &layer.mixer;
    match role {
        Role::Q => Some(attention.q_width()),
        Role::K | Role::V => Some(attention.kv_width()),
        Role::Gate | Role::Up => Some(layer.mlp.ff()),
        _ => None,
    }
}

/// Which rows of a tensor at `slot` are of which slot: all of them of its own, unless it is several in one.
pub(crate) fn parts(config: &Config, slot: Slot, tensor: &Tensor) -> Vec<(Slot, Range<usize>)> {
    let layer = slot.layer.and_then(|index| config.plan.layers.get(index));
    let rows =
        |role| layer.and_then(|layer| outputs(layer, role)).unwrap_or_else(|| config.rows_of(role, tensor));
    let mut end = 0;
    let part = |role: &Role| {
        let first = end;
        end += rows(*role);
        (Slot { role: *role, ..slot }, first..end)
    };
    slot.role.parts().iter().map(part).collect()
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
    wanted: impl IntoIterator<Item = Wanted>,
) -> Result<Vec<Option<Slot>>, Error> {
    let by_name: std::collections::HashMap<&str, usize> =
        header.tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let mut slots = vec![None; header.tensors.len()];
    for Wanted { slot, name, shape: expected, needed } in wanted {
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
