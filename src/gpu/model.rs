//! Weights in GPU memory.

mod builder;

use std::collections::HashMap;
use std::rc::Rc;

use builder::{Builder, Target};

use super::matrix::Matrix;
use super::ops;
use super::plan::Plan;
use super::{Choice, Device, Error};
use crate::gguf;
use crate::model::draft::{Input, Origin};
use crate::model::{self, Config, Role, Taps};
use crate::round::Fit;
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

    /// Loads the draft that `description` describes for `target`, [beside](model::Draft::beside) which it runs: what is the
    /// target's is shared with it.
    pub async fn load_draft<S: ByteSource>(
        stream: &mut gguf::Stream<S>,
        description: &model::Draft,
        target: &Self,
    ) -> Result<Self, Error> {
        let (device, capacity) = (&target.device, target.capacity);
        let model::Draft { config, slots, .. } = description;
        let mut builder = Builder::new(device, stream.header(), config, slots, target.choice)?;
        let embedding = match description.embedding {
            Origin::Own => builder.matrix(None, &[Role::TokenEmbedding], true)?,
            Origin::Target => Rc::clone(&target.embedding),
        };
        let head = match (description.head, &description.ids) {
            (Origin::Own, _) => builder.head(config.tied.then_some(&embedding))?,
            (Origin::Target, Some(ids)) => target.head.select(device, ids)?,
            (Origin::Target, None) => target.head.clone(),
        };
        let fuse = match description.input {
            Input::Tokens => None,
            Input::Hidden => Some(Fuse {
                embedding_gain: builder.vector(None, &[Role::FuseEmbeddingNorm])?,
                hidden_gain: builder.vector(None, &[Role::FuseHiddenNorm])?,
                projection: Projection { matrix: builder.matrix(None, &[Role::Fuse], false)?, bias: None },
                embedding_width: description.embedding_width(),
                taps: description.taps(&target.config).map_err(Error::Unsupported)?,
            }),
        };
        let ids = description.ids.as_ref().map(|ids| Ids::new(device, ids, config.vocab)).transpose()?;
        let of = description.needs_target().then(|| Rc::clone(&target.embedding));
        let model = Self { fuse, ids, of, ..builder.allocate(embedding, head, capacity)? };
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

    /// What it reads of its target's states.
    pub(super) fn taps(&self) -> Option<&Taps> {
        self.fuse.as_ref().map(|fuse| &fuse.taps)
    }

    /// What must be so for it to propose for `target`.
    pub(super) fn fit(&self, target: &Self) -> Fit<'_> {
        let of = self.of.as_ref().is_none_or(|of| Rc::ptr_eq(of, &target.embedding));
        Fit {
            shares: of && Rc::ptr_eq(&self.device, &target.device),
            says: self.law_width(),
            taps: self.taps(),
            positions: self.capacity,
        }
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

impl Projection {
    /// One of the rows `ids` of this one.
    fn select(&self, device: &Device, ids: &[u32]) -> Result<Self, Error> {
        let (what, rows) = ("the draft's head", device.storage_with("rows to select", ids)?);
        let matrix = Rc::new(ops::select(device, what, &self.matrix, ids.len(), &rows)?);
        let Some(all) = &self.bias else { return Ok(Self { matrix, bias: None }) };
        let bias = device.storage(what, ids.len() as u64)?;
        let mut plan = Plan::default();
        plan.steps.push(ops::gather(
            device,
            &rows,
            1,
            false,
            (all, 0..self.matrix.rows),
            (&bias, 0..ids.len()),
        )?);
        plan.run(device);
        Ok(Self { matrix, bias: Some(bias) })
    }
}

impl Ids {
    fn new(device: &Device, ids: &[u32], vocab: usize) -> Result<Self, Error> {
        /// `spread.wgsl`
        const NONE: u32 = u32::MAX;
        let mut draft_id = vec![NONE; vocab];
        ids.iter().enumerate().for_each(|(own, target)| draft_id[*target as usize] = own as u32);
        Ok(Self { draft_id: device.storage_with("draft ids", &draft_id)?, vocab })
    }
}
