//! First weights made of the target's: its layers are a better beginning than noise.

use std::borrow::Cow;

use super::weights::{Weights, reorder};
use crate::model::draft::{Draft, Input, Origin};
use crate::model::{Config, Role, Rope, RopeStyle, Slot};

/// Which of the target's layers a draft of `layers` begins with: the first ones and, of two or more, the last.
pub fn layers(draft: &Draft, target: &Config) -> Vec<usize> {
    let (wanted, all) = (draft.config.plan.layers.len(), target.plan.layers.len());
    let last = all - 1;
    match draft.input {
        // Fed by what the last layer said, a layer is most like the last.
        Input::Hidden => (0..wanted).map(|i| (all + i).saturating_sub(wanted).min(last)).collect(),
        Input::Tokens => {
            let first = wanted.div_ceil(2);
            (0..wanted).map(|i| if i < first { i } else { (all + i).saturating_sub(wanted) }).collect()
        }
    }
}

/// What of the target's tensors [`from_target`] reads.
pub fn wanted(draft: &Draft, layers: &[usize]) -> impl Fn(&Slot) -> bool {
    let (layers, own) = (layers.to_vec(), draft.embedding == Origin::Own || draft.head == Origin::Own);
    move |slot| match slot.layer {
        Some(layer) => layers.contains(&layer),
        None => own || slot.role == Role::OutputNorm,
    }
}

/// A draft of some of the target's layers, which must be of the draft's shape: anything that does not fit stays random.
/// `config` is the target's. The fused row begins as the sum of both normalised inputs' halves.
pub fn from_target(draft: &Draft, target: &Weights, config: &Config, layers: &[usize], seed: u64) -> Weights {
    let mut weights = Weights::random(draft, seed);
    let needed = draft.wanted().into_iter().filter(|tensor| tensor.needed);
    let shapes: Vec<(Slot, usize)> =
        needed.map(|tensor| (tensor.slot, tensor.shape.iter().product())).collect();
    for (slot, count) in &shapes {
        let layer = slot.layer.map(|layer| layers[layer]);
        let values = match (slot.role, layer) {
            (Role::Output, _) => head(draft, target, config),
            (Role::FuseHiddenNorm, _) => target.get(None, Role::OutputNorm).map(Cow::Borrowed),
            (Role::Q | Role::K, Some(layer)) => queries(draft, target, config, layer, slot.role),
            (role, layer) => target.get(layer, role).map(Cow::Borrowed),
        };
        if let Some(values) = values.filter(|values| values.len() == *count) {
            weights.0.insert(*slot, values.into_owned());
        }
    }
    if let Some(fuse) = weights.0.get_mut(&Slot { layer: None, role: Role::Fuse }) {
        let (e, t, states) = (draft.embedding_width(), draft.target_width, draft.state_width());
        for (row, values) in fuse.chunks_exact_mut(e + states).enumerate() {
            values.iter_mut().for_each(|v| *v *= 0.2);
            if row < e {
                values[row] += 0.5;
            }
            if row < t {
                // Of the last tap: that of the last layer, where it is tapped.
                values[e + states - t + row] += 0.5;
            }
        }
    }
    weights
}

/// The rows of the target's head that `draft` predicts.
fn head<'a>(draft: &Draft, target: &'a Weights, config: &Config) -> Option<Cow<'a, [f32]>> {
    let role = if config.tied { Role::TokenEmbedding } else { Role::Output };
    let head = target.get(None, role)?;
    let Some(ids) = &draft.ids else { return Some(head.into()) };
    let row = |id: &u32| head.get(*id as usize * config.width..(*id as usize + 1) * config.width);
    Some(ids.iter().map(row).collect::<Option<Vec<_>>>()?.concat().into())
}

/// A projection of the target to queries or keys, its rows in the order that the draft's rope wants.
fn queries<'a>(
    draft: &Draft,
    target: &'a Weights,
    config: &Config,
    layer: usize,
    role: Role,
) -> Option<Cow<'a, [f32]>> {
    let values = target.get(Some(layer), role)?;
    let attention = config.plan.layers[layer].attention();
    let (theirs, ours) = (&config.plan.ropes[attention.rope], &draft.config.plan.ropes[0]);
    if theirs.style == ours.style || theirs.style == RopeStyle::Interleaved {
        return Some(values.into());
    }
    let heads = values.len() / (attention.head_dim * config.width);
    let interleaved = Rope { style: ours.style, ..theirs.clone() };
    Some(reorder(&interleaved, attention.head_dim, heads, values, false).into())
}
