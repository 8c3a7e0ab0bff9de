//! Weights in GPU memory.

mod draft;

use std::collections::HashMap;
use std::rc::Rc;

use super::layout::Layout;
use super::matrix::Matrix;
use super::ops::padded;
use super::{Choice, Device, Error};
use crate::gguf::{self, Header};
use crate::model::{self, Config, Mixer, Norms, Role, Slot, Taps};
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
    /// Target ids.
    pub vocab: usize,
}

/// A matrix, with a number for each of its rows where the model has any.
#[derive(Clone)]
pub(super) struct Projection {
    pub matrix: Rc<Matrix>,
    pub bias: Option<wgpu::Buffer>,
}

pub(super) struct Layer {
    pub plan: model::Layer,
    pub attention_gain: wgpu::Buffer,
    /// Rows of q, then k, then v.
    pub qkv: Projection,
    /// Gains of q's and k's heads.
    pub head_gains: Option<wgpu::Buffer>,
    pub attention_output: Projection,
    /// Of what attention adds, where the plan norms that.
    pub attention_post_gain: Option<wgpu::Buffer>,
    pub mlp_gain: wgpu::Buffer,
    /// Rows of the gate, then of the up projection.
    pub gate_up: Projection,
    pub down: Projection,
    /// Of what the MLP adds.
    pub mlp_post_gain: Option<wgpu::Buffer>,
}

/// Where a tensor's rows go.
#[derive(Clone)]
enum Target {
    Rows(Rc<Matrix>, usize),
    /// f32 values from this word on.
    Values(wgpu::Buffer, usize),
    /// Kept on the host until the rotation tables are made.
    RopeFactors(Role),
    Nowhere,
}

impl Model {
    /// Loads the tensors of `stream`, whose header `description` describes, for contexts of `capacity` positions.
    pub async fn load<S: ByteSource>(
        device: &Rc<Device>,
        stream: &mut gguf::Stream<S>,
        description: &model::Model,
        choice: Choice,
        capacity: usize,
    ) -> Result<Self, Error> {
        let model::Model { config, slots } = description;
        let mut builder = Builder::new(device, stream.header(), config, slots, choice)?;
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
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// Bytes of weights in GPU memory.
    pub fn bytes(&self) -> u64 {
        let layers = self.layers.iter().flat_map(|l| [&l.qkv, &l.attention_output, &l.gate_up, &l.down]);
        let head = &self.head.matrix;
        let head = if Rc::ptr_eq(head, &self.embedding) { 0 } else { head.bytes() };
        layers.map(|p| p.matrix.bytes()).sum::<u64>() + self.embedding.bytes() + head
    }
}

struct Builder<'a> {
    device: &'a Rc<Device>,
    header: &'a Header,
    config: &'a Config,
    slots: &'a [Option<Slot>],
    choice: Choice,
    /// One a tensor of the header.
    targets: Vec<Target>,
}

impl<'a> Builder<'a> {
    fn new(
        device: &'a Rc<Device>,
        header: &'a Header,
        config: &'a Config,
        slots: &'a [Option<Slot>],
        choice: Choice,
    ) -> Result<Self, Error> {
        let head_dims = config.plan.layers.iter().map(|layer| layer.attention().head_dim);
        if let Some(head_dim) = head_dims.into_iter().find(|head_dim| !head_dim.is_multiple_of(4)) {
            return Err(Error::Unsupported(format!(
                "heads of {head_dim} elements are not whole vectors of 4"
            )));
        }
        let targets = vec![Target::Nowhere; header.tensors.len()];
        Ok(Self { device, header, config, slots, choice, targets })
    }

    fn allocate(&mut self, embedding: Rc<Matrix>, head: Projection, capacity: usize) -> Result<Model, Error> {
        let config = self.config.clone();
        let output_gain = self.vector(None, &[Role::OutputNorm])?;
        for (target, slot) in self.targets.iter_mut().zip(self.slots) {
            if let Some(Slot { role, .. }) = slot
                && role.is_rope_factor()
            {
                *target = Target::RopeFactors(*role);
            }
        }
        let layers = config.plan.layers.iter().enumerate().map(|(l, plan)| self.layer(l, plan));
        let layers = layers.collect::<Result<_, _>>()?;
        Ok(Model {
            device: Rc::clone(self.device),
            config,
            choice: self.choice,
            embedding,
            head,
            rotations: Vec::new(),
            output_gain,
            layers,
            capacity,
            fuse: None,
            ids: None,
            of: None,
        })
    }

    fn layer(&mut self, index: usize, plan: &model::Layer) -> Result<Layer, Error> {
        let l = Some(index);
        let Mixer::Attention(attention) = &plan.mixer;
        let after = plan.norms == Norms::BeforeAndAfter;
        let heads = [Role::QNorm, Role::KNorm];
        let qkv = [(Role::Q, Role::QBias), (Role::K, Role::KBias), (Role::V, Role::VBias)];
        Ok(Layer {
            plan: *plan,
            attention_gain: self.vector(l, &[Role::AttentionNorm])?,
            qkv: self.projection(l, Role::Qkv, &qkv)?,
            head_gains: attention.qk_norm.then(|| self.vector(l, &heads)).transpose()?,
            attention_output: self.projection(
                l,
                Role::AttentionOutput,
                &[(Role::AttentionOutput, Role::AttentionOutputBias)],
            )?,
            attention_post_gain: after.then(|| self.vector(l, &[Role::AttentionPostNorm])).transpose()?,
            mlp_gain: self.vector(l, &[Role::MlpNorm])?,
            gate_up: self.projection(
                l,
                Role::GateUp,
                &[(Role::Gate, Role::GateBias), (Role::Up, Role::UpBias)],
            )?,
            down: self.projection(l, Role::Down, &[(Role::Down, Role::DownBias)])?,
            mlp_post_gain: after.then(|| self.vector(l, &[Role::MlpPostNorm])).transpose()?,
        })
    }

    fn tensors(&self, layer: Option<usize>, roles: &[Role]) -> Result<Vec<usize>, Error> {
        let find = |&role| {
            let slot = Slot { layer, role };
            model::position(self.slots, layer, role)
                .ok_or_else(|| Error::Device(format!("no tensor for {slot:?}")))
        };
        roles.iter().map(find).collect()
    }

    /// One matrix of the rows of `roles`, one after the other.
    fn matrix(&mut self, layer: Option<usize>, roles: &[Role], may_split: bool) -> Result<Rc<Matrix>, Error> {
        let indices = self.tensors(layer, roles)?;
        let tensors: Vec<_> = indices.iter().map(|&i| &self.header.tensors[i]).collect();
        let layout = tensors.iter().map(|t| Layout::of(t.format)).reduce(Layout::join);
        let Some(layout) = layout else { return Err(Error::Device("a matrix of no tensors".into())) };
        let rows = tensors.iter().zip(roles).map(|(tensor, role)| self.config.rows_of(*role, tensor)).sum();
        let columns = tensors[0].columns();
        let what = &tensors[0].name;
        let order = self.choice.order(layout, [columns, rows]);
        let matrix = Rc::new(Matrix::new(self.device, what, layout, order, [columns, rows], may_split)?);
        let mut first = 0;
        for (&i, tensor) in indices.iter().zip(&tensors) {
            self.targets[i] = Target::Rows(Rc::clone(&matrix), first);
            first += tensor.rows();
        }
        Ok(matrix)
    }

    /// One matrix of the rows of several roles, each with that of its bias; in the file they may be `together`.
    fn projection(
        &mut self,
        layer: Option<usize>,
        together: Role,
        roles: &[(Role, Role)],
    ) -> Result<Projection, Error> {
        let mut first = 0;
        let mut biases = Vec::new();
        for &(role, bias) in roles {
            biases.push((first, bias));
            first += layer
                .and_then(|layer| model::outputs(&self.config.plan.layers[layer], role))
                .unwrap_or_default();
        }
        let matrices = match model::position(self.slots, layer, together) {
            Some(_) => vec![together],
            None => roles.iter().map(|(matrix, _)| *matrix).collect(),
        };
        let matrix = self.matrix(layer, &matrices, false)?;
        Ok(Projection { bias: self.bias(layer, &biases, matrix.rows)?, matrix })
    }

    /// The head: a matrix of its own, or the embedding where it is tied.
    fn head(&mut self, tied: Option<&Rc<Matrix>>) -> Result<Projection, Error> {
        let matrix = match tied {
            Some(embedding) => Rc::clone(embedding),
            None => self.matrix(None, &[Role::Output], true)?,
        };
        let rows = matrix.rows;
        Ok(Projection { matrix, bias: self.bias(None, &[(0, Role::OutputBias)], rows)? })
    }

    /// The biases of a matrix of `rows` rows, each with the first row that it is of; zeros for those that the model does
    /// not have, and nothing where it has none of them.
    fn bias(
        &mut self,
        layer: Option<usize>,
        biases: &[(usize, Role)],
        rows: usize,
    ) -> Result<Option<wgpu::Buffer>, Error> {
        let found = biases
            .iter()
            .filter_map(|&(first, role)| Some((first, model::position(self.slots, layer, role)?)));
        let found: Vec<_> = found.collect();
        let Some(&(_, i)) = found.first() else { return Ok(None) };
        let buffer = self.device.storage(&self.header.tensors[i].name, rows as u64)?;
        for (first, i) in found {
            self.targets[i] = Target::Values(buffer.clone(), first);
        }
        Ok(Some(buffer))
    }

    /// The values of `roles`, one after the other, padded to whole blocks.
    fn vector(&mut self, layer: Option<usize>, roles: &[Role]) -> Result<wgpu::Buffer, Error> {
        let indices = self.tensors(layer, roles)?;
        let length: usize = indices.iter().map(|&i| self.header.tensors[i].columns()).sum();
        let buffer = self.device.storage(&self.header.tensors[indices[0]].name, padded(length) as u64)?;
        let mut first = 0;
        for &i in &indices {
            self.targets[i] = Target::Values(buffer.clone(), first);
            first += self.header.tensors[i].columns();
        }
        Ok(buffer)
    }
}
