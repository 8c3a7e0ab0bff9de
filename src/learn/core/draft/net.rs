//! The trained part of a draft, and its forward pass.

use burn::module::{Module, Param, ParamId, list_param_ids};
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::block::{Block, BlockShape, Heads, Past, RopeTable, norm, values};
use super::weights::{Weights, transpose};
use crate::model::draft::{Draft, Input, Origin};
use crate::model::{Config, Role};

/// How a token and the target's state become a row.
#[derive(Module, Debug)]
pub struct Fuse {
    embedding_norm: RmsNorm,
    hidden_norm: RmsNorm,
    of_embedding: Linear,
    of_hidden: Linear,
}

impl Fuse {
    /// Taps of a state, each of `width` values.
    fn taps(&self, width: usize) -> usize {
        self.hidden_norm.gamma.dims()[0] / width
    }
}

/// What a draft learns: everything that is not the target's.
#[derive(Module, Debug)]
pub struct Net {
    /// `[vocab, width]`, where it is the draft's own.
    embedding: Option<Param<Tensor<2>>>,
    fuse: Option<Fuse>,
    blocks: Vec<Block>,
    norm: RmsNorm,
    /// `[width, draft ids]`, where it is the draft's own and not its embedding.
    head: Option<Param<Tensor<2>>>,
}

/// A batch of sequences as a draft reads it.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Token ids, `[batch, L]`.
    pub tokens: Tensor<2, Int>,
    /// Embeddings of the tokens, `[batch, L, E]`, where the embedding is the target's.
    pub embedded: Option<Tensor<3>>,
    /// The target's states one position before each token, `[batch, L, S]`, where the draft reads them.
    pub states: Option<Tensor<3>>,
    /// `[batch, L, 1]`: 0 where the draft reads zeros in place of token and state (the masks of G2SD, arXiv 2302.14771),
    /// otherwise 1.
    pub keep: Option<Tensor<3>>,
}

impl Inputs {
    /// `rows`, `[batch, L, ..]`, as they are read.
    fn read(&self, rows: Tensor<3>) -> Tensor<3> {
        match &self.keep {
            Some(keep) => rows * keep.clone(),
            None => rows,
        }
    }
}

impl Net {
    /// A net of `weights`; `None` where a tensor is missing.
    pub fn new(draft: &Draft, weights: &Weights, device: &Device) -> Option<Self> {
        let config = &draft.config;
        let get = |role| weights.get(None, role);
        let matrix = |values: &[f32], columns: usize| {
            let rows = values.len() / columns;
            Param::from_data(TensorData::new(transpose(values, columns), [columns, rows]), device)
        };
        let fuse = match draft.input {
            Input::Tokens => None,
            Input::Hidden => {
                let (e, t) = (draft.embedding_width(), draft.state_width());
                let both = transpose(get(Role::Fuse)?, e + t);
                let part = |values: &[f32], rows| Linear {
                    weight: Param::from_data(TensorData::new(values.to_vec(), [rows, config.width]), device),
                    bias: None,
                };
                Some(Fuse {
                    embedding_norm: norm(get(Role::FuseEmbeddingNorm)?, config.rms_eps, device),
                    hidden_norm: norm(get(Role::FuseHiddenNorm)?, config.rms_eps, device),
                    of_embedding: part(&both[..e * config.width], e),
                    of_hidden: part(&both[e * config.width..], t),
                })
            }
        };
        let embedding = match draft.embedding {
            Origin::Target => None,
            Origin::Own => {
                let table = get(Role::TokenEmbedding)?;
                let data = TensorData::new(table.to_vec(), [table.len() / config.width, config.width]);
                Some(Param::from_data(data, device))
            }
        };
        let own_head = draft.head == Origin::Own && !config.tied;
        let head = if own_head { Some(matrix(get(Role::Output)?, config.width)) } else { None };
        let blocks = BlockShape::all(config).enumerate();
        let blocks = blocks.map(|(layer, shape)| Block::new(&shape, weights, layer, device));
        Some(Self {
            embedding,
            fuse,
            blocks: blocks.collect::<Option<Vec<_>>>()?,
            norm: norm(get(Role::OutputNorm)?, config.rms_eps, device),
            head,
        })
    }

    /// The net's weights in the file's layout.
    pub fn export(&self, draft: &Draft) -> Weights {
        let config = &draft.config;
        let mut weights = Weights::default();
        if let Some(fuse) = &self.fuse {
            let both = [values(&fuse.of_embedding.weight), values(&fuse.of_hidden.weight)].concat();
            weights.set(None, Role::Fuse, transpose(&both, config.width));
            weights.set(None, Role::FuseEmbeddingNorm, values(&fuse.embedding_norm.gamma));
            weights.set(None, Role::FuseHiddenNorm, values(&fuse.hidden_norm.gamma));
        }
        if let Some(embedding) = &self.embedding {
            weights.set(None, Role::TokenEmbedding, values(embedding));
        }
        if let Some(head) = &self.head {
            weights.set(None, Role::Output, transpose(&values(head), head.dims()[1]));
        }
        weights.set(None, Role::OutputNorm, values(&self.norm.gamma));
        for (layer, (block, shape)) in self.blocks.iter().zip(BlockShape::all(config)).enumerate() {
            block.export(&shape, layer, &mut weights);
        }
        weights
    }

    /// Runs the batch `steps` times, each step but the first fed by the one before (see [`super::block`]; a draft that is
    /// fed by tokens alone has one step). Returns each step's states before the output norm, `[batch, L, width]`.
    ///
    /// Step `k` (from 0) at positions before `k` is noise: nothing came before.
    pub fn states(&self, config: &Config, inputs: &Inputs, steps: usize) -> Vec<Tensor<3>> {
        let [batch, length] = inputs.tokens.dims();
        let device = inputs.tokens.device();
        let embedded = match (&self.embedding, &inputs.embedded) {
            (Some(table), _) => {
                let ids = inputs.tokens.clone().reshape([batch * length]);
                table.val().select(0, ids).reshape([batch, length, config.width])
            }
            (None, Some(embedded)) => embedded.clone(),
            (None, None) => Tensor::zeros([batch, length, config.width], &device),
        };
        let embedded = inputs.read(embedded);
        let rope = RopeTable::new(&config.plan, length, &device);
        let sizes = Heads::of(&config.plan);
        let mut past: Vec<Past> = self.blocks.iter().map(|_| Past::default()).collect();
        let mut all: Vec<Tensor<3>> = Vec::new();
        let of_embedding = self
            .fuse
            .as_ref()
            .map(|fuse| fuse.of_embedding.forward(fuse.embedding_norm.forward(embedded.clone())));
        let steps = if self.fuse.is_some() { steps.max(1) } else { 1 };
        for _ in 0..steps {
            let mut x = match (&self.fuse, &of_embedding) {
                (Some(fuse), Some(of_embedding)) => {
                    let states = match (all.last(), &inputs.states) {
                        // Its own state stands for what each tap would say.
                        (Some(own), _) => later(own.clone()).repeat_dim(2, fuse.taps(config.width)),
                        (None, Some(states)) => inputs.read(states.clone()),
                        (None, None) => {
                            Tensor::zeros([batch, length, fuse.hidden_norm.gamma.dims()[0]], &device)
                        }
                    };
                    of_embedding.clone() + fuse.of_hidden.forward(fuse.hidden_norm.forward(states))
                }
                _ => embedded.clone(),
            };
            for (block, past) in self.blocks.iter().zip(&mut past) {
                x = block.forward(x, sizes, &rope, past);
            }
            all.push(x);
        }
        all
    }

    /// What `layer`'s attention output (`attention`) or down projection reads, and the residual stream that it adds to:
    /// `[batch, L, ..]` each. A first step, fed by the target.
    pub(super) fn probe(
        &self,
        config: &Config,
        inputs: &Inputs,
        layer: usize,
        attention: bool,
    ) -> Option<(Tensor<3>, Tensor<3>)> {
        let below = Self { blocks: self.blocks[..layer].to_vec(), ..self.clone() };
        let x = below.states(config, inputs, 1).pop()?;
        let rope = RopeTable::new(&config.plan, x.dims()[1], &x.device());
        let block = &self.blocks[layer];
        let context = block.context(x.clone(), Heads::of(&config.plan), &rope, &mut Past::default());
        if attention {
            return Some((context, x));
        }
        let x = block.after_attention(x, context);
        Some((block.inner(x.clone()), x))
    }

    /// Rows of states, `[rows, width]`, as the head reads them.
    pub fn normed(&self, states: Tensor<2>) -> Tensor<2> {
        self.norm.forward(states)
    }

    /// The parameters of the last layer.
    pub fn last_layer(&self) -> Vec<ParamId> {
        self.blocks.last().map(list_param_ids).unwrap_or_default()
    }

    /// The head, `[width, draft ids]`, where it is the draft's own.
    pub fn head(&self) -> Option<Tensor<2>> {
        match (&self.head, &self.embedding) {
            (Some(head), _) => Some(head.val()),
            (None, Some(embedding)) => Some(embedding.val().transpose()),
            (None, None) => None,
        }
    }
}

/// Moves states one position on: what position `t` said is what position `t + 1` hears.
fn later(states: Tensor<3>) -> Tensor<3> {
    let [batch, length, width] = states.dims();
    let before = Tensor::zeros([batch, 1, width], &states.device());
    Tensor::cat(vec![before, states.narrow(1, 0, length - 1)], 1)
}
