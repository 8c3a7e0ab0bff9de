//! Weights in GPU memory.

use std::rc::Rc;

use super::layout::Layout;
use super::matrix::Matrix;
use super::ops::padded;
use super::{Device, Error, Variant};
use crate::gguf::{self, Header};
use crate::model::{self, Config, Role, Slot};
use crate::source::ByteSource;

/// A loaded model. Weights stay quantized, repacked for the kernels of one variant.
pub struct Model {
    pub(super) device: Rc<Device>,
    pub(super) config: Config,
    pub(super) variant: Variant,
    pub(super) embedding: Rc<Matrix>,
    pub(super) head: Rc<Matrix>,
    pub(super) output_gain: wgpu::Buffer,
    pub(super) layers: Vec<Layer>,
    /// `[position, pair]` of cosine and sine.
    pub(super) rotation: wgpu::Buffer,
    pub(super) capacity: usize,
}

pub(super) struct Layer {
    pub attention_gain: wgpu::Buffer,
    /// Rows of q, then k, then v.
    pub qkv: Rc<Matrix>,
    pub qkv_bias: Option<wgpu::Buffer>,
    /// Gains of q's and k's heads.
    pub head_gains: Option<wgpu::Buffer>,
    pub attention_output: Rc<Matrix>,
    pub mlp_gain: wgpu::Buffer,
    /// Rows of the gate, then of the up projection.
    pub gate_up: Rc<Matrix>,
    pub down: Rc<Matrix>,
}

/// Where a tensor's rows go.
#[derive(Clone)]
enum Target {
    Rows(Rc<Matrix>, usize),
    /// f32 values from this word on.
    Values(wgpu::Buffer, usize),
    /// Kept on the host until the rotation table is made.
    RopeFactors,
    Nowhere,
}

impl Model {
    /// Loads the tensors of `stream`, whose header `description` describes, for contexts of `capacity` positions.
    pub async fn load<S: ByteSource>(
        device: &Rc<Device>,
        stream: &mut gguf::Stream<S>,
        description: &model::Model,
        variant: Variant,
        capacity: usize,
    ) -> Result<Self, Error> {
        let head_dim = description.config.head_dim;
        if !head_dim.is_multiple_of(4) {
            return Err(Error::Unsupported(format!(
                "heads of {head_dim} elements are not whole vectors of 4"
            )));
        }
        let mut builder =
            Builder { device, header: stream.header(), description, variant, targets: Vec::new() };
        builder.targets.resize(builder.header.tensors.len(), Target::Nowhere);
        let mut model = builder.allocate(capacity)?;
        let targets = builder.targets;
        let formats: Vec<_> = stream.header().tensors.iter().map(|t| t.format).collect();

        let mut factors: Option<Vec<f32>> = None;
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
                    matrix.write_rows(device, first + window.first_row, format, window.bytes);
                }
                Target::Values(buffer, first) => {
                    device.write(buffer, *first as u64, bytemuck::cast_slice(&values()))
                }
                Target::RopeFactors => factors = Some(values()),
                Target::Nowhere => {}
            }
            device.check()?;
        }
        let table = description.config.rope.table(capacity, factors.as_deref());
        model.rotation = device.storage_with("the rotation table", bytemuck::cast_slice(&table))?;
        device.check()?;
        Ok(model)
    }

    /// Hyper-parameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The matvec variant that the weights are laid out for.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Bytes of weights in GPU memory.
    pub fn bytes(&self) -> u64 {
        let layers = self.layers.iter().flat_map(|l| [&l.qkv, &l.attention_output, &l.gate_up, &l.down]);
        let head = if Rc::ptr_eq(&self.head, &self.embedding) { 0 } else { self.head.bytes() };
        layers.map(|m| m.bytes()).sum::<u64>() + self.embedding.bytes() + head
    }
}

struct Builder<'a> {
    device: &'a Rc<Device>,
    header: &'a Header,
    description: &'a model::Model,
    variant: Variant,
    /// One a tensor of the header.
    targets: Vec<Target>,
}

impl Builder<'_> {
    fn allocate(&mut self, capacity: usize) -> Result<Model, Error> {
        let config = self.description.config.clone();
        let embedding = self.matrix(None, &[Role::TokenEmbedding], true)?;
        let head =
            if config.tied { Rc::clone(&embedding) } else { self.matrix(None, &[Role::Output], true)? };
        let output_gain = self.vector(None, &[Role::OutputNorm])?;
        if let Some(i) = self.description.tensor(None, Role::RopeFactors) {
            self.targets[i] = Target::RopeFactors;
        }
        let layers = (0..config.layers).map(|l| self.layer(l)).collect::<Result<_, _>>()?;
        Ok(Model {
            device: Rc::clone(self.device),
            config,
            variant: self.variant,
            embedding,
            head,
            rotation: output_gain.clone(),
            output_gain,
            layers,
            capacity,
        })
    }

    fn layer(&mut self, layer: usize) -> Result<Layer, Error> {
        let l = Some(layer);
        let family = self.description.config.family;
        let bias = [Role::QBias, Role::KBias, Role::VBias];
        Ok(Layer {
            attention_gain: self.vector(l, &[Role::AttentionNorm])?,
            qkv: self.matrix(l, &[Role::Q, Role::K, Role::V], false)?,
            qkv_bias: family.qkv_bias.then(|| self.vector(l, &bias)).transpose()?,
            head_gains: family.qk_norm.then(|| self.vector(l, &[Role::QNorm, Role::KNorm])).transpose()?,
            attention_output: self.matrix(l, &[Role::AttentionOutput], false)?,
            mlp_gain: self.vector(l, &[Role::MlpNorm])?,
            gate_up: self.matrix(l, &[Role::Gate, Role::Up], false)?,
            down: self.matrix(l, &[Role::Down], false)?,
        })
    }

    fn tensors(&self, layer: Option<usize>, roles: &[Role]) -> Result<Vec<usize>, Error> {
        let find = |&role| {
            let slot = Slot { layer, role };
            self.description
                .tensor(layer, role)
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
        let (columns, rows) = (tensors[0].columns(), tensors.iter().map(|t| t.rows()).sum());
        let what = &tensors[0].name;
        let order = self.variant.order();
        let matrix = Rc::new(Matrix::new(self.device, what, layout, order, [columns, rows], may_split)?);
        let mut first = 0;
        for (&i, tensor) in indices.iter().zip(&tensors) {
            self.targets[i] = Target::Rows(Rc::clone(&matrix), first);
            first += tensor.rows();
        }
        Ok(matrix)
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
