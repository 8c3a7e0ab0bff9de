//! First weights made of the target's: its layers are a better beginning than noise.

use super::weights::Weights;
use crate::model::draft::{Draft, Input, Origin};
use crate::model::{Config, Role, Slot};

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
/// The fused row begins as the sum of both normalised inputs' halves.
pub fn from_target(draft: &Draft, target: &Weights, layers: &[usize], seed: u64) -> Weights {
    let mut weights = Weights::random(draft, seed);
    let needed = draft.wanted().into_iter().filter(|tensor| tensor.needed);
    let shapes: Vec<(Slot, usize)> =
        needed.map(|tensor| (tensor.slot, tensor.shape.iter().product())).collect();
    for (slot, count) in &shapes {
        let layer = slot.layer.map(|layer| layers[layer]);
        let values = match slot.role {
            Role::Output | Role::TokenEmbedding => None,
            Role::FuseHiddenNorm => target.get(None, Role::OutputNorm),
            role => target.get(layer, role),
        };
        if let Some(values) = values.filter(|values| values.len() == *count) {
            weights.0.insert(*slot, values.to_vec());
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
