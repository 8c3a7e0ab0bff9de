//! Where the tensors of a file go: matrices, vectors and tables of a model, made before their numbers come.

use std::rc::Rc;

use super::tensors::{ATTENTION_OUTPUT, DOWN, GATE_UP, Parts, QKV, Tensors};
use super::{Layer, Model, Projection};
use crate::gpu::matrix::Matrix;
use crate::gpu::ops::padded;
use crate::gpu::{Choice, Device, Error};
use crate::model::{self, Mixer, Norms, Role, Slot};

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
    tensors: Tensors<'a>,
    choice: Choice,
    /// One a tensor of the header.
    pub targets: Vec<Target>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(device: &'a Rc<Device>, tensors: Tensors<'a>, choice: &Choice) -> Result<Self, Error> {
        let head_dims = tensors.config.plan.layers.iter().map(|layer| layer.attention().head_dim);
        if let Some(head_dim) = head_dims.into_iter().find(|head_dim| !head_dim.is_multiple_of(4)) {
            return Err(Error::Unsupported(format!(
                "heads of {head_dim} elements are not whole vectors of 4"
            )));
        }
        let targets = vec![Target::Nowhere; tensors.header.tensors.len()];
        Ok(Self { device, tensors, choice: choice.clone(), targets })
    }

    pub(super) fn allocate(
        &mut self,
        embedding: Rc<Matrix>,
        head: Projection,
        capacity: usize,
    ) -> Result<Model, Error> {
        let config = self.tensors.config.clone();
        let output_gain = self.vector(None, &[Role::OutputNorm])?;
        for (target, slot) in self.targets.iter_mut().zip(self.tensors.slots) {
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
            choice: self.choice.clone(),
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
        Ok(Layer {
            plan: *plan,
            attention_gain: self.vector(l, &[Role::AttentionNorm])?,
            qkv: self.projection(index, QKV)?,
            head_gains: attention.qk_norm.then(|| self.vector(l, &heads)).transpose()?,
            attention_output: self.projection(index, ATTENTION_OUTPUT)?,
            attention_post_gain: after.then(|| self.vector(l, &[Role::AttentionPostNorm])).transpose()?,
            mlp_gain: self.vector(l, &[Role::MlpNorm])?,
            gate_up: self.projection(index, GATE_UP)?,
            down: self.projection(index, DOWN)?,
            mlp_post_gain: after.then(|| self.vector(l, &[Role::MlpPostNorm])).transpose()?,
        })
    }

    /// One matrix of the rows of `roles`, one after the other.
    pub(super) fn matrix(
        &mut self,
        layer: Option<usize>,
        roles: &[Role],
        may_split: bool,
    ) -> Result<Rc<Matrix>, Error> {
        let indices = self.tensors.indices(layer, roles)?;
        let shape = self.tensors.shape(layer, roles)?;
        let tensors: Vec<_> = indices.iter().map(|&i| &self.tensors.header.tensors[i]).collect();
        let kernels = self.choice.kernels(shape);
        let matrix = Rc::new(Matrix::new(self.device, &tensors[0].name, shape, kernels, may_split)?);
        let mut first = 0;
        for (&i, tensor) in indices.iter().zip(&tensors) {
            self.targets[i] = Target::Rows(Rc::clone(&matrix), first);
            first += tensor.rows();
        }
        Ok(matrix)
    }

    /// One matrix of the rows of several roles, each with that of its bias; in the file they may be together.
    fn projection(&mut self, layer: usize, parts: Parts) -> Result<Projection, Error> {
        let mut first = 0;
        let mut biases = Vec::new();
        for &(role, bias) in parts.1 {
            biases.push((first, bias));
            let outputs = model::outputs(&self.tensors.config.plan.layers[layer], role);
            first += outputs.unwrap_or_default();
        }
        let layer = Some(layer);
        let matrix = self.matrix(layer, &self.tensors.matrices(layer, parts), false)?;
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
            .filter_map(|&(first, role)| Some((first, model::position(self.tensors.slots, layer, role)?)));
        let found: Vec<_> = found.collect();
        let Some(&(_, i)) = found.first() else { return Ok(None) };
        let buffer = self.device.storage(&self.tensors.header.tensors[i].name, rows as u64)?;
        for (first, i) in found {
            self.targets[i] = Target::Values(buffer.clone(), first);
        }
        Ok(Some(buffer))
    }

    /// The values of `roles`, one after the other, padded to whole blocks.
    pub(super) fn vector(&mut self, layer: Option<usize>, roles: &[Role]) -> Result<wgpu::Buffer, Error> {
        let indices = self.tensors.indices(layer, roles)?;
        let length: usize = indices.iter().map(|&i| self.tensors.header.tensors[i].columns()).sum();
        let buffer =
            self.device.storage(&self.tensors.header.tensors[indices[0]].name, padded(length) as u64)?;
        let mut first = 0;
        for &i in &indices {
            self.targets[i] = Target::Values(buffer.clone(), first);
            first += self.tensors.header.tensors[i].columns();
        }
        Ok(buffer)
    }
}
