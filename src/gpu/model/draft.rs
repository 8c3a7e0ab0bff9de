//! Drafts: what they share with their target, and what they have beyond a model.

use std::rc::Rc;

use super::tensors::Tensors;
use super::{Builder, Fuse, Ids, Model, Projection};
use crate::gguf;
use crate::gpu::choice::Shapes;
use crate::gpu::ops::Bias;
use crate::gpu::plan::Plan;
use crate::gpu::{Device, Error, ops};
use crate::model::draft::{Input, Origin};
use crate::model::{self, Role, Taps};
use crate::round::Fit;
use crate::source::ByteSource;

impl Model {
    /// The shapes of the matrices of the draft that `description` describes.
    pub fn draft_shapes(header: &gguf::Header, description: &model::Draft) -> Shapes {
        let model::Draft { config, slots, .. } = description;
        Tensors { header, config, slots }.shapes()
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
        let tensors = Tensors { header: stream.header(), config, slots };
        let mut builder = Builder::new(device, tensors, &target.choice)?;
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

    /// What it reads of its target's states.
    pub(in crate::gpu) fn taps(&self) -> Option<&Taps> {
        self.fuse.as_ref().map(|fuse| &fuse.taps)
    }

    /// What must be so for it to propose for `target`.
    pub(in crate::gpu) fn fit(&self, target: &Self) -> Fit<'_> {
        let of = self.of.as_ref().is_none_or(|of| Rc::ptr_eq(of, &target.embedding));
        Fit {
            shares: of && Rc::ptr_eq(&self.device, &target.device),
            says: self.law_width(),
            taps: self.taps(),
            positions: self.capacity,
        }
    }
}

impl Projection {
    /// One of the rows `ids` of this one.
    fn select(&self, device: &Device, ids: &[u32]) -> Result<Self, Error> {
        let (what, rows) = ("the draft's head", device.storage_with("rows to select", ids)?);
        let matrix = Rc::new(ops::select(device, what, &self.matrix, ids.len(), &rows)?);
        let Some(all) = self.own_bias() else { return Ok(Self { matrix, bias: None }) };
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
        Ok(Self { matrix, bias: Some(Bias::Own(bias)) })
    }
}

impl Ids {
    fn new(device: &Device, ids: &[u32], vocab: usize) -> Result<Self, Error> {
        /// `spread.wgsl`
        const NONE: u32 = u32::MAX;
        let mut draft_id = vec![NONE; vocab];
        ids.iter().enumerate().for_each(|(own, target)| draft_id[*target as usize] = own as u32);
        let draft_id = device.storage_with("draft ids", &draft_id)?;
        Ok(Self { draft_id, target_id: device.storage_with("target ids", ids)?, vocab })
    }
}
