//! Loading: a window of rows at a time is packed into its place, and nothing else is kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::draft::{Draft, Fuse};
use super::layer::{Layer, Projection};
use super::matrix::Matrix;
use super::model::{Head, Model};
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
    /// Reads all that a model of this configuration has; rows beyond its vocabulary are left out.
    async fn read<S: ByteSource>(
        stream: &mut Stream<S>,
        slots: &[Option<Slot>],
        config: &Config,
    ) -> Result<Self, Error> {
        let table: Vec<Tensor> = stream.header().tensors.clone();
        let mut read = Self::default();
        while let Some(window) = stream.next_window().await? {
            let tensor = &table[window.tensor];
            let Some(slot) = slots.get(window.tensor).copied().flatten() else { continue };
            let (rows, columns) = (config.rows_of(slot.role, tensor), tensor.columns());
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

    /// A projection of a layer, with what the file has to add to it: `bias`, and the norm of its heads.
    fn projection(
        &mut self,
        layer: Option<usize>,
        role: Role,
        bias: Role,
        norm: Option<Role>,
    ) -> Result<Projection, Error> {
        Ok(Projection {
            matrix: self.matrix(layer, role)?,
            bias: self.vectors.remove(&Slot { layer, role: bias }),
            norm: norm.map(|role| self.vector(layer, role)).transpose()?,
        })
    }

    /// The head, but for a matrix that it shares.
    fn head(&mut self, matrix: Option<Matrix>, config: &Config) -> Head {
        let mut bias = self.vectors.remove(&Slot { layer: None, role: Role::OutputBias });
        bias.iter_mut().for_each(|bias| bias.truncate(config.head_vocab));
        Head { matrix, bias }
    }
}

impl Draft {
    /// Loads the tensors of `stream`, whose header `description` describes, for `target`: what is the target's is shared
    /// with it. Rope tables cover `capacity` positions.
    ///
    /// The description must be of the draft as it runs [beside](model::Draft::beside) the target.
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
        let mut tensors = Tensors::read(stream, &description.slots, &description.config).await?;
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
            (Origin::Own, _) => {
                let matrix = tensors.matrix(None, Role::Output)?;
                tensors.head(Some(matrix), &description.config)
            }
            (Origin::Target, Some(ids)) => target.select_head(ids),
            (Origin::Target, None) => {
                let all: Vec<u32> = (0..target.config.head_vocab as u32).collect();
                target.select_head(&all)
            }
        };
        let model = Model::assemble(tensors, description.config.clone(), embedding, head, capacity)?;
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
        let mut tensors = Tensors::read(stream, &description.slots, &description.config).await?;
        let embedding = Arc::new(tensors.matrix(None, Role::TokenEmbedding)?);
        let matrix = if config.tied { None } else { Some(tensors.matrix(None, Role::Output)?) };
        let head = tensors.head(matrix, &config);
        Self::assemble(tensors, config, embedding, head, capacity)
    }

    fn assemble(
        mut tensors: Tensors,
        config: Config,
        embedding: Arc<Matrix>,
        head: Head,
        capacity: usize,
    ) -> Result<Self, Error> {
        let norm = |role| config.family.qk_norm.then_some(role);
        let mut layers = Vec::with_capacity(config.layers);
        for layer in (0..config.layers).map(Some) {
            layers.push(Layer {
                attention_norm: tensors.vector(layer, Role::AttentionNorm)?,
                q: tensors.projection(layer, Role::Q, Role::QBias, norm(Role::QNorm))?,
                k: tensors.projection(layer, Role::K, Role::KBias, norm(Role::KNorm))?,
                v: tensors.projection(layer, Role::V, Role::VBias, None)?,
                attention_output: tensors.projection(
                    layer,
                    Role::AttentionOutput,
                    Role::AttentionOutputBias,
                    None,
                )?,
                mlp_norm: tensors.vector(layer, Role::MlpNorm)?,
                gate: tensors.projection(layer, Role::Gate, Role::GateBias, None)?,
                up: tensors.projection(layer, Role::Up, Role::UpBias, None)?,
                down: tensors.projection(layer, Role::Down, Role::DownBias, None)?,
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
