//! Loading: a window of rows at a time is packed into its place, and nothing else is kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::draft::{Draft, Fuse};
use super::layer::{Layer, Projection};
use super::matrix::Matrix;
use super::model::Model;
use super::simd::Level;
use crate::gguf::{Error, Stream, Tensor};
use crate::model::draft::{Input, Origin};
use crate::model::{self, Config, Role, Slot};
use crate::source::ByteSource;

/// Tensors that have been read.
#[derive(Default)]
struct Tensors {
    matrices: HashMap<Slot, Matrix>,
    vectors: HashMap<Slot, Vec<f32>>,
}

fn is_matrix(role: Role) -> bool {
    use Role::{AttentionOutput, Down, Fuse, Gate, K, Output, Q, TokenEmbedding, Up, V};
    matches!(role, TokenEmbedding | Output | Q | K | V | AttentionOutput | Gate | Up | Down | Fuse)
}

impl Tensors {
    async fn read<S: ByteSource>(stream: &mut Stream<S>, slots: &[Option<Slot>]) -> Result<Self, Error> {
        let table: Vec<Tensor> = stream.header().tensors.clone();
        let mut read = Self::default();
        while let Some(window) = stream.next_window().await? {
            let tensor = &table[window.tensor];
            let Some(slot) = slots.get(window.tensor).copied().flatten() else { continue };
            let (rows, columns) = (tensor.rows(), tensor.columns());
            if is_matrix(slot.role) {
                let matrix =
                    read.matrices.entry(slot).or_insert_with(|| Matrix::new(tensor.format, rows, columns));
                matrix.pack(window.first_row, window.bytes);
            } else {
                let vector = read.vectors.entry(slot).or_insert_with(|| vec![0.0; rows * columns]);
                let values = &mut vector[window.first_row * columns..][..window.rows * columns];
                tensor.format.dequantize(window.bytes, values);
            }
        }
        Ok(read)
    }

    fn matrix(&mut self, layer: Option<usize>, role: Role) -> Result<Matrix, Error> {
        let slot = Slot { layer, role };
        self.matrices.remove(&slot).ok_or_else(|| Error::Header(format!("{slot:?} has no data")))
    }

    fn vector(&mut self, layer: Option<usize>, role: Role) -> Result<Vec<f32>, Error> {
        let slot = Slot { layer, role };
        self.vectors.remove(&slot).ok_or_else(|| Error::Header(format!("{slot:?} has no data")))
    }

    /// A projection; `bias` and `norm` name what the family has.
    fn projection(
        &mut self,
        layer: Option<usize>,
        role: Role,
        bias: Option<Role>,
        norm: Option<Role>,
    ) -> Result<Projection, Error> {
        Ok(Projection {
            matrix: self.matrix(layer, role)?,
            bias: bias.map(|role| self.vector(layer, role)).transpose()?,
            norm: norm.map(|role| self.vector(layer, role)).transpose()?,
        })
    }
}

impl Draft {
    /// Loads the tensors of `stream`, whose header `description` describes, for `target`: what is the target's is shared
    /// with it. Rope tables cover `capacity` positions.
    ///
    /// The draft must [fit](model::Draft::fits) the target.
    pub async fn load<S: ByteSource>(
        stream: &mut Stream<S>,
        description: &model::Draft,
        target: &Model,
        capacity: usize,
    ) -> Result<Self, Error> {
        if description.is_plain() {
            let plain = model::Model { config: description.config.clone(), slots: description.slots.clone() };
            return Ok(Self::plain(Model::load(stream, &plain, capacity).await?));
        }
        let mut tensors = Tensors::read(stream, &description.slots).await?;
        let fuse = match description.input {
            Input::Tokens => None,
            Input::Hidden => Some(Fuse {
                embedding_norm: tensors.vector(None, Role::FuseEmbeddingNorm)?,
                hidden_norm: tensors.vector(None, Role::FuseHiddenNorm)?,
                matrix: tensors.matrix(None, Role::Fuse)?,
            }),
        };
        let embedding = match description.embedding {
            Origin::Own => Arc::new(tensors.matrix(None, Role::TokenEmbedding)?),
            Origin::Target => target.embedding.clone(),
        };
        let head = match (description.head, &description.ids) {
            (Origin::Own, _) => tensors.matrix(None, Role::Output)?,
            (Origin::Target, Some(ids)) => target.head().select(ids),
            (Origin::Target, None) => {
                let all: Vec<u32> = (0..target.config.head_vocab as u32).collect();
                target.head().select(&all)
            }
        };
        let model = Model::assemble(tensors, description.config.clone(), embedding, Some(head), capacity)?;
        Ok(Self { model, fuse, ids: description.ids.clone() })
    }
}

impl Model {
    /// Loads the tensors of `stream`, whose header `description` describes. Rope tables cover `capacity` positions.
    pub async fn load<S: ByteSource>(
        stream: &mut Stream<S>,
        description: &model::Model,
        capacity: usize,
    ) -> Result<Self, Error> {
        let config = description.config.clone();
        let mut tensors = Tensors::read(stream, &description.slots).await?;
        let embedding = Arc::new(tensors.matrix(None, Role::TokenEmbedding)?);
        let head = if config.tied { None } else { Some(tensors.matrix(None, Role::Output)?) };
        Self::assemble(tensors, config, embedding, head, capacity)
    }

    fn assemble(
        mut tensors: Tensors,
        config: Config,
        embedding: Arc<Matrix>,
        head: Option<Matrix>,
        capacity: usize,
    ) -> Result<Self, Error> {
        let bias = |role| config.family.qkv_bias.then_some(role);
        let norm = |role| config.family.qk_norm.then_some(role);
        let mut layers = Vec::with_capacity(config.layers);
        for layer in (0..config.layers).map(Some) {
            layers.push(Layer {
                attention_norm: tensors.vector(layer, Role::AttentionNorm)?,
                q: tensors.projection(layer, Role::Q, bias(Role::QBias), norm(Role::QNorm))?,
                k: tensors.projection(layer, Role::K, bias(Role::KBias), norm(Role::KNorm))?,
                v: tensors.projection(layer, Role::V, bias(Role::VBias), None)?,
                attention_output: tensors.matrix(layer, Role::AttentionOutput)?,
                mlp_norm: tensors.vector(layer, Role::MlpNorm)?,
                gate: tensors.matrix(layer, Role::Gate)?,
                up: tensors.matrix(layer, Role::Up)?,
                down: tensors.matrix(layer, Role::Down)?,
            });
        }
        let factors = tensors.vector(None, Role::RopeFactors).ok();
        Ok(Self {
            level: Level::best(),
            embedding,
            head,
            output_norm: tensors.vector(None, Role::OutputNorm)?,
            rope: config.rope.table(capacity, factors.as_deref()),
            capacity,
            layers,
            config,
        })
    }
}
