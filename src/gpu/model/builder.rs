//! Where the tensors of a file go: matrices, vectors and tables of a model, made before their numbers come.

use std::rc::Rc;

use super::{Layer, Model, Projection};
use crate::gguf::Header;
use crate::gpu::layout::Layout;
use crate::gpu::matrix::Matrix;
use crate::gpu::ops::padded;
use crate::gpu::{Choice, Device, Error};
use crate::model::{self, Config, Mixer, Norms, Role, Slot};

/// Where a tensor's rows go.
#[derive(Clone)]
pub(super) enum Target {
    Rows(Rc<Matrix>, usize),
    /// f32 values from this word on.
    Values(wgpu::Buffer, usize),
    /// Kept on the host until the rotation tables are made.
    RopeFactors(Role),
    Nowhere,
}

/// A model whose tensors have been given their places, before the first byte of them is read.
pub(super) struct Builder<'a> {
    device: &'a Rc<Device>,
    header: &'a Header,
    config: &'a Config,
    slots: &'a [Option<Slot>],
    choice: Choice,
    /// One a tensor of the header.
    pub targets: Vec<Target>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
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

    pub(super) fn allocate(
        &mut self,
        embedding: Rc<Matrix>,
        head: Projection,
        capacity: usize,
    ) -> Result<Model, Error> {
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
            qkv: self.projection(index, Role::Qkv, &qkv)?,
            head_gains: attention.qk_norm.then(|| self.vector(l, &heads)).transpose()?,
            attention_output: self.projection(
                index,
                Role::AttentionOutput,
                &[(Role::AttentionOutput, Role::AttentionOutputBias)],
            )?,
            attention_post_gain: after.then(|| self.vector(l, &[Role::AttentionPostNorm])).transpose()?,
            mlp_gain: self.vector(l, &[Role::MlpNorm])?,
            gate_up: self.projection(
                index,
                Role::GateUp,
                &[(Role::Gate, Role::GateBias), (Role::Up, Role::UpBias)],
            )?,
            down: self.projection(index, Role::Down, &[(Role::Down, Role::DownBias)])?,
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
    pub(super) fn matrix(
        &mut self,
        layer: Option<usize>,
        roles: &[Role],
        may_split: bool,
    ) -> Result<Rc<Matrix>, Error> {
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
        layer: usize,
        together: Role,
        roles: &[(Role, Role)],
    ) -> Result<Projection, Error> {
        let mut first = 0;
        let mut biases = Vec::new();
        for &(role, bias) in roles {
            biases.push((first, bias));
            first += model::outputs(&self.config.plan.layers[layer], role).unwrap_or_default();
        }
        let layer = Some(layer);
        let matrices = match model::position(self.slots, layer, together) {
            Some(_) => vec![together],
            None => roles.iter().map(|(matrix, _)| *matrix).collect(),
        };
        let matrix = self.matrix(layer, &matrices, false)?;
        Ok(Projection { bias: self.bias(layer, &biases, matrix.rows)?, matrix })
    }

    /// The head: a matrix of its own, or the embedding where it is tied.
    pub(super) fn head(&mut self, tied: Option<&Rc<Matrix>>) -> Result<Projection, Error> {
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
    pub(super) fn vector(&mut self, layer: Option<usize>, roles: &[Role]) -> Result<wgpu::Buffer, Error> {
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
