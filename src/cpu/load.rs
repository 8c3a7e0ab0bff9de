//! Loading: a window of rows at a time is packed into its place, and nothing else is kept.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::draft::{Draft, Fuse};
use super::layer::{Layer, Projection};
use super::matrix::Matrix;
use super::model::{Head, Model};
use super::simd::Level;
use super::team::Team;
use crate::gguf::{Error, Stream, Tensor, Window};
use crate::model::draft::{Input, Origin};
use crate::model::{self, Config, Mixer, Norms, Role, Rope, Slot};
use crate::source::ByteSource;

/// Tensors that have been read.
#[derive(Default)]
struct Tensors {
    matrices: HashMap<Slot, Matrix>,
    vectors: HashMap<Slot, Vec<f32>>,
}

fn is_matrix(role: Role) -> bool {
    use Role::{AttentionOutput, Down, Fuse, Gate, GateUp, K, Output, Q, Qkv, TokenEmbedding, Up, V};
    matches!(
        role,
        TokenEmbedding | Output | Q | K | V | Qkv | AttentionOutput | Gate | Up | GateUp | Down | Fuse
    )
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
            if is_matrix(slot.role) {
                for (slot, rows) in model::parts(config, slot, tensor) {
                    read.pack(slot, rows, tensor, &window);
                }
            } else {
                let columns = tensor.columns();
                let vector = read.vectors.entry(slot).or_insert_with(|| vec![0.0; tensor.rows() * columns]);
                let values = &mut vector[window.first_row * columns..][..window.rows * columns];
                tensor.format.dequantize(window.bytes, values);
            }
        }
        Ok(read)
    }

    /// Puts those rows of `window` that are among `rows` of the tensor into the matrix at `slot`.
    fn pack(&mut self, slot: Slot, rows: Range<usize>, tensor: &Tensor, window: &Window<'_>) {
        let new = || Matrix::new(tensor.format, rows.len(), tensor.columns());
        let matrix = self.matrices.entry(slot).or_insert_with(new);
        let here = window.overlap(&rows);
        if !here.is_empty() {
            let row_bytes = tensor.format.row_bytes(tensor.columns());
            let bytes = &window.bytes[here.start * row_bytes..here.end * row_bytes];
            matrix.pack(window.first_row + here.start - rows.start, bytes);
        }
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

    fn layer(&mut self, index: usize, plan: &model::Layer) -> Result<Layer, Error> {
        let layer = Some(index);
        let Mixer::Attention(attention) = &plan.mixer;
        let norm = |role| attention.qk_norm.then_some(role);
        let after = plan.norms == Norms::BeforeAndAfter;
        let mut post_norm = |role| after.then(|| self.vector(layer, role)).transpose();
        let (attention_post_norm, mlp_post_norm) =
            (post_norm(Role::AttentionPostNorm)?, post_norm(Role::MlpPostNorm)?);
        let output = (Role::AttentionOutput, Role::AttentionOutputBias);
        Ok(Layer {
            plan: *plan,
            attention_norm: self.vector(layer, Role::AttentionNorm)?,
            q: self.projection(layer, Role::Q, Role::QBias, norm(Role::QNorm))?,
            k: self.projection(layer, Role::K, Role::KBias, norm(Role::KNorm))?,
            v: self.projection(layer, Role::V, Role::VBias, None)?,
            attention_output: self.projection(layer, output.0, output.1, None)?,
            attention_post_norm,
            mlp_norm: self.vector(layer, Role::MlpNorm)?,
            gate: self.projection(layer, Role::Gate, Role::GateBias, None)?,
            up: self.projection(layer, Role::Up, Role::UpBias, None)?,
            down: self.projection(layer, Role::Down, Role::DownBias, None)?,
            mlp_post_norm,
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
        let taps = description.taps(target.config()).map_err(Error::Header)?;
        let taps = fuse.is_some().then_some(taps);
        let of = description.needs_target().then(|| target.embedding.clone());
        Ok(Self { model, fuse, ids: description.ids.clone(), taps, of })
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
        let layers = config.plan.layers.iter().enumerate();
        let layers = layers.map(|(index, plan)| tensors.layer(index, plan)).collect::<Result<_, _>>()?;
        let mut table = |rope: &Rope| {
            let factors = rope.factors.role(capacity).and_then(|role| tensors.vector(None, role).ok());
            rope.table(capacity, factors.as_deref())
        };
        Ok(Self {
            level: Level::best(),
            team: Team::alone(),
            embedding,
            head,
            ropes: config.plan.ropes.iter().map(&mut table).collect(),
            output_norm: tensors.vector(None, Role::OutputNorm)?,
            capacity,
            layers,
            config,
        })
    }
}
