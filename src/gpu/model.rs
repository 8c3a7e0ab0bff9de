//! Weights in GPU memory.

mod builder;
mod draft;
mod tensors;

use std::collections::HashMap;
use std::rc::Rc;

use builder::{Builder, Target};
use tensors::Tensors;

use super::choice::Shapes;
use super::matrix::Matrix;
use super::ops::Bias;
use super::{Choice, Device, Error};
use crate::gguf;
use crate::model::{self, Config, Role, Taps};
use crate::source::ByteSource;

/// A loaded model. Weights stay quantized, repacked for the kernels that were chosen.
pub struct Model {
    pub(super) device: Rc<Device>,
    pub(super) config: Config,
    pub(super) choice: Choice,
    pub(super) embedding: Rc<Matrix>,
    pub(super) head: Projection,
    pub(super) output_gain: wgpu::Buffer,
    pub(super) layers: Vec<Layer>,
    /// Of each rope of the plan, `[position, pair]` of cosine and sine.
    pub(super) rotations: Vec<wgpu::Buffer>,
    pub(super) capacity: usize,
    /// What a draft that reads its target's states reads them with.
    pub(super) fuse: Option<Fuse>,
    /// What ids a draft of fewer ids says.
    pub(super) ids: Option<Ids>,
    /// The embedding of the target that a draft was loaded for, where it has more of it than its ids.
    of: Option<Rc<Matrix>>,
}

/// How a token and the target's state become a row of a draft's width.
pub(super) struct Fuse {
    pub embedding_gain: wgpu::Buffer,
    pub hidden_gain: wgpu::Buffer,
    pub projection: Projection,
    pub embedding_width: usize,
    pub taps: Taps,
}

/// The ids of a draft that says only some of its target's.
pub(super) struct Ids {
    /// Draft id of each target id.
    pub draft_id: wgpu::Buffer,
    /// Target id of each draft id, ascending.
    pub target_id: wgpu::Buffer,
    /// Target ids.
    pub vocab: usize,
}

/// A matrix, with a number for each of its rows where the model has any.
#[derive(Clone)]
pub(super) struct Projection {
    pub matrix: Rc<Matrix>,
    pub bias: Option<Bias>,
}

impl Projection {
    /// Its numbers, where they have a buffer of their own.
    fn own_bias(&self) -> Option<&wgpu::Buffer> {
        match &self.bias {
            Some(Bias::Own(bias)) => Some(bias),
            Some(Bias::BehindGain) | None => None,
        }
    }
}

pub(super) struct Layer {
    pub plan: model::Layer,
    /// The gain of the norm in front, and q's, k's and v's biases behind it.
    pub attention_gain: wgpu::Buffer,
    /// Rows of q, then k, then v.
    pub qkv: Projection,
    /// Gains of q's and k's heads.
    pub head_gains: Option<wgpu::Buffer>,
    pub attention_output: Projection,
    /// Of what attention adds, where the plan norms that.
    pub attention_post_gain: Option<wgpu::Buffer>,
    /// As [`Self::attention_gain`].
    pub mlp_gain: wgpu::Buffer,
    /// Rows of the gate, then of the up projection.
    pub gate_up: Projection,
    pub down: Projection,
    /// Of what the MLP adds.
    pub mlp_post_gain: Option<wgpu::Buffer>,
}

impl Model {
    /// The shapes of the matrices of the model that `description` describes: what kernels are to be chosen for.
    pub fn shapes(header: &gguf::Header, description: &model::Model) -> Shapes {
        let model::Model { config, slots } = description;
        Tensors { header, config, slots }.shapes()
    }

    /// Loads the tensors of `stream`, whose header `description` describes, for contexts of `capacity` positions.
    pub async fn load<S: ByteSource>(
        device: &Rc<Device>,
        stream: &mut gguf::Stream<S>,
        description: &model::Model,
        choice: Choice,
        capacity: usize,
    ) -> Result<Self, Error> {
        let model::Model { config, slots } = description;
        let tensors = Tensors { header: stream.header(), config, slots };
        let mut builder = Builder::new(device, tensors, &choice)?;
        let embedding = builder.matrix(None, &[Role::TokenEmbedding], true)?;
        let head = builder.head(config.tied.then_some(&embedding))?;
        let model = builder.allocate(embedding, head, capacity)?;
        let targets = builder.targets;
        model.fill(stream, &targets).await
    }

    /// Reads the tensors of `stream` to `targets`, one each.
    async fn fill<S: ByteSource>(
        mut self,
        stream: &mut gguf::Stream<S>,
        targets: &[Target],
    ) -> Result<Self, Error> {
        let device = Rc::clone(&self.device);
        let formats: Vec<_> = stream.header().tensors.iter().map(|t| t.format).collect();

        let mut factors: HashMap<Role, Vec<f32>> = HashMap::new();
        while let Some(window) = stream.next_window().await? {
            let format = formats[window.tensor];
            let values = || {
                let mut values =
                    vec![0.0; window.bytes.len() / format.spec().block_bytes * format.spec().block_len];
                format.dequantize(window.bytes, &mut values);
                values
            };
            match &targets[window.tensor] {
                Target::Rows(matrix, first) => {
                    matrix.write_rows(&device, first + window.first_row, format, window.bytes);
                }
                Target::Values(buffer, first) => {
                    let mut values = values();
                    // The head's biases of rows that are not loaded.
                    values.truncate(buffer.size() as usize / 4 - first);
                    device.write(buffer, *first as u64, bytemuck::cast_slice(&values));
                }
                Target::RopeFactors(role) => drop(factors.insert(*role, values())),
                Target::Nowhere => {}
            }
            device.check()?;
        }
        for rope in &self.config.plan.ropes {
            let factors = rope.factors.role(self.capacity).and_then(|role| factors.get(&role));
            let table = rope.table(self.capacity, factors.map(Vec::as_slice));
            let table = device.storage_with("a rotation table", bytemuck::cast_slice(&table))?;
            self.rotations.push(table);
        }
        device.check()?;
        Ok(self)
    }

    /// Token ids that its law is over: its own, or its target's where it says only some of them.
    pub(super) fn law_width(&self) -> usize {
        self.ids.as_ref().map_or(self.config.head_vocab, |ids| ids.vocab)
    }

    /// Hyper-parameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The kernels that the weights are laid out for.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Bytes of weights in GPU memory.
    pub fn bytes(&self) -> u64 {
        let layers = self.layers.iter().flat_map(|l| [&l.qkv, &l.attention_output, &l.gate_up, &l.down]);
        let head = &self.head.matrix;
        let head = if Rc::ptr_eq(head, &self.embedding) { 0 } else { head.bytes() };
        layers.map(|p| p.matrix.bytes()).sum::<u64>() + self.embedding.bytes() + head
    }

    /// Bytes of all that it holds: [`Self::bytes`], less an embedding of the target's, and vectors and tables.
    pub(super) fn all_bytes(&self) -> u64 {
        let of_target = self.of.as_ref().is_some_and(|of| Rc::ptr_eq(of, &self.embedding));
        let embedding = if of_target { self.embedding.bytes() } else { 0 };
        let fuse = self.fuse.as_ref();
        let vectors = self.layers.iter().flat_map(|layer| {
            let Layer { attention_gain, mlp_gain, head_gains, attention_post_gain, mlp_post_gain, .. } =
                layer;
            let biases = [&layer.qkv, &layer.attention_output, &layer.gate_up, &layer.down];
            let gains = [head_gains, attention_post_gain, mlp_post_gain].into_iter().flatten();
            gains.chain([attention_gain, mlp_gain]).chain(biases.into_iter().filter_map(|p| p.own_bias()))
        });
        let fused = fuse.into_iter().flat_map(|fuse| {
            [&fuse.embedding_gain, &fuse.hidden_gain].into_iter().chain(fuse.projection.own_bias())
        });
        let others = [&self.output_gain].into_iter().chain(self.head.own_bias()).chain(&self.rotations);
        let others = others
            .chain(self.ids.iter().flat_map(|ids| [&ids.draft_id, &ids.target_id]))
            .chain(vectors)
            .chain(fused);
        let fusing = fuse.map_or(0, |fuse| fuse.projection.matrix.bytes());
        self.bytes() - embedding + fusing + others.map(wgpu::Buffer::size).sum::<u64>()
    }
}
