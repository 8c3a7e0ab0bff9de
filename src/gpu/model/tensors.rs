//! Which tensors of a file a matrix is made of, and what shape it gets.

use crate::gguf::Header;
use crate::gpu::Error;
use crate::gpu::choice::{Shape, Shapes};
use crate::gpu::layout::Layout;
use crate::model::{self, Config, Role, Slot};

/// A projection of a layer: the role of the tensor that has all of it, where a file has that, and those of its parts, each with
/// its bias.
pub(super) type Parts = (Role, &'static [(Role, Role)]);

pub(super) const QKV: Parts =
    (Role::Qkv, &[(Role::Q, Role::QBias), (Role::K, Role::KBias), (Role::V, Role::VBias)]);
pub(super) const ATTENTION_OUTPUT: Parts =
    (Role::AttentionOutput, &[(Role::AttentionOutput, Role::AttentionOutputBias)]);
pub(super) const GATE_UP: Parts = (Role::GateUp, &[(Role::Gate, Role::GateBias), (Role::Up, Role::UpBias)]);
pub(super) const DOWN: Parts = (Role::Down, &[(Role::Down, Role::DownBias)]);

/// The tensors of a file, and what they are for.
#[derive(Clone, Copy)]
pub(super) struct Tensors<'a> {
    pub header: &'a Header,
    pub config: &'a Config,
    pub slots: &'a [Option<Slot>],
}

impl Tensors<'_> {
    /// Where the tensors of `roles` stand in the header.
    pub(super) fn indices(&self, layer: Option<usize>, roles: &[Role]) -> Result<Vec<usize>, Error> {
        let find = |&role| {
            let slot = Slot { layer, role };
            model::position(self.slots, layer, role)
                .ok_or_else(|| Error::Device(format!("no tensor for {slot:?}")))
        };
        roles.iter().map(find).collect()
    }

    /// The roles that one matrix of `parts` is read from.
    pub(super) fn matrices(&self, layer: Option<usize>, (together, parts): Parts) -> Vec<Role> {
        match model::position(self.slots, layer, together) {
            Some(_) => vec![together],
            None => parts.iter().map(|(matrix, _)| *matrix).collect(),
        }
    }

    /// The shape of one matrix of the rows of `roles`.
    pub(super) fn shape(&self, layer: Option<usize>, roles: &[Role]) -> Result<Shape, Error> {
        let indices = self.indices(layer, roles)?;
        let tensors = || indices.iter().map(|&i| &self.header.tensors[i]);
        let layout = tensors().map(|t| Layout::of(t.format)).reduce(Layout::join);
        let (Some(layout), Some(first)) = (layout, tensors().next()) else {
            return Err(Error::Device("a matrix of no tensors".into()));
        };
        let rows = tensors().zip(roles).map(|(tensor, role)| self.config.rows_of(*role, tensor)).sum();
        Ok(Shape { layout, columns: first.columns(), rows })
    }

    /// The shapes of all matrices.
    pub(super) fn shapes(&self) -> Shapes {
        let alone = [Role::TokenEmbedding, Role::Output, Role::Fuse].map(|role| (None, vec![role]));
        let layers = (0..self.config.plan.layers.len()).map(Some);
        let layers = layers.flat_map(|layer| {
            [QKV, ATTENTION_OUTPUT, GATE_UP, DOWN].map(|parts| (layer, self.matrices(layer, parts)))
        });
        // A tied head is the embedding; a draft may have neither.
        let all = alone.into_iter().chain(layers);
        Shapes::new(all.filter_map(|(layer, roles)| self.shape(layer, &roles).ok()).collect())
    }
}
