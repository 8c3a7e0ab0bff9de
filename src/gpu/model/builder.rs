//! Where the tensors of a file go: matrices, vectors and tables of a model, made before their numbers come.

use std::rc::Rc;

use super::tensors::{ATTENTION_OUTPUT, DOWN, GATE_UP, Parts, QKV, Tensors};
use super::{Layer, Model, Projection};
use crate::gpu::matrix::Matrix;
use crate::gpu::ops::{Bias, padded};
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

/// Tensors of biases, each behind the first row that it is of.
type Biases = Vec<(usize, usize)>;

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
        let (attention_gain, qkv) = self.normed(index, Role::AttentionNorm, QKV)?;
        let (mlp_gain, gate_up) = self.normed(index, Role::MlpNorm, GATE_UP)?;
        Ok(Layer {
            plan: *plan,
            attention_gain,
            qkv,
            head_gains: attention.qk_norm.then(|| self.vector(l, &heads)).transpose()?,
            attention_output: self.projection(index, ATTENTION_OUTPUT)?,
            attention_post_gain: after.then(|| self.vector(l, &[Role::AttentionPostNorm])).transpose()?,
            mlp_gain,
            gate_up,
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

    /// One matrix of the rows of several roles; in the file they may be together.
    fn rows_of(&mut self, layer: usize, parts: Parts) -> Result<(Rc<Matrix>, Biases), Error> {
        let mut first = 0;
        let mut biases = Vec::new();
        for &(role, bias) in parts.1 {
            let tensor = model::position(self.tensors.slots, Some(layer), bias);
            biases.extend(tensor.map(|tensor| (first, tensor)));
            let outputs = model::outputs(&self.tensors.config.plan.layers[layer], role);
            first += outputs.unwrap_or_default();
        }
        let matrix = self.matrix(Some(layer), &self.tensors.matrices(Some(layer), parts), false)?;
        Ok((matrix, biases))
    }

    fn projection(&mut self, layer: usize, parts: Parts) -> Result<Projection, Error> {
        let (matrix, biases) = self.rows_of(layer, parts)?;
        let bias = self.bias(&biases, matrix.rows)?;
        Ok(Projection { matrix, bias })
    }

    /// A projection behind a norm, and the norm's gain, with the biases behind it.
    fn normed(
        &mut self,
        layer: usize,
        norm: Role,
        parts: Parts,
    ) -> Result<(wgpu::Buffer, Projection), Error> {
        let (matrix, biases) = self.rows_of(layer, parts)?;
        let behind = if biases.is_empty() { 0 } else { matrix.rows };
        let gain = self.vector_and(Some(layer), &[norm], behind)?;
        for &(first, tensor) in &biases {
            self.targets[tensor] = Target::Values(gain.clone(), padded(matrix.columns) + first);
        }
        let bias = (!biases.is_empty()).then_some(Bias::BehindGain);
        Ok((gain, Projection { matrix, bias }))
    }

    /// The head: a matrix of its own, or the embedding where it is tied.
    pub(super) fn head(&mut self, tied: Option<&Rc<Matrix>>) -> Result<Projection, Error> {
        let matrix = match tied {
            Some(embedding) => Rc::clone(embedding),
            None => self.matrix(None, &[Role::Output], true)?,
        };
        let bias = model::position(self.tensors.slots, None, Role::OutputBias).map(|tensor| (0, tensor));
        let bias = self.bias(bias.as_slice(), matrix.rows)?;
        Ok(Projection { matrix, bias })
    }

    /// The biases of a matrix of `rows` rows, each with the first row that it is of; zeros for those that the model does
    /// not have, and nothing where it has none of them.
    fn bias(&mut self, biases: &[(usize, usize)], rows: usize) -> Result<Option<Bias>, Error> {
        let Some(&(_, tensor)) = biases.first() else { return Ok(None) };
        let buffer = self.device.storage(&self.tensors.header.tensors[tensor].name, rows as u64)?;
        for &(first, tensor) in biases {
            self.targets[tensor] = Target::Values(buffer.clone(), first);
        }
        Ok(Some(Bias::Own(buffer)))
    }

    /// The values of `roles`, one after the other, padded to whole blocks.
    pub(super) fn vector(&mut self, layer: Option<usize>, roles: &[Role]) -> Result<wgpu::Buffer, Error> {
        self.vector_and(layer, roles, 0)
    }

    /// The same with room for so many more values behind.
    fn vector_and(
        &mut self,
        layer: Option<usize>,
        roles: &[Role],
        behind: usize,
    ) -> Result<wgpu::Buffer, Error> {
        let indices = self.tensors.indices(layer, roles)?;
        let length: usize = indices.iter().map(|&i| self.tensors.header.tensors[i].columns()).sum();
        let name = &self.tensors.header.tensors[indices[0]].name;
        let buffer = self.device.storage(name, (padded(length) + behind) as u64)?;
        let mut first = 0;
        for &i in &indices {
            self.targets[i] = Target::Values(buffer.clone(), first);
            first += self.tensors.header.tensors[i].columns();
        }
        Ok(buffer)
    }
}
