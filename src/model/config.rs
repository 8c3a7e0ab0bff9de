//! Hyper-parameters from metadata.

use super::family::Family;
use super::keys::{Keys, Shape};
use super::{Error, Plan, Role, features, kind};
use crate::gguf::{Header, Metadata, Tensor};

/// Hyper-parameters of a model. Sizes are in elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The family's line of the table.
    pub family: &'static Family,
    /// Width of the residual stream (d_model).
    pub width: usize,
    /// Token ids that the model reads: rows of the token embedding.
    pub vocab: usize,
    /// Token ids that the model predicts: rows of the output head, `<= vocab` (a draft may predict only the
    /// first, most frequent ids).
    pub head_vocab: usize,
    /// Longest context that the model was trained for, in tokens.
    pub context: usize,
    /// Epsilon of every RMS norm.
    pub rms_eps: f32,
    /// Whether the output head is the token embedding.
    pub tied: bool,
    /// What is computed.
    pub plan: Plan,
}

impl Config {
    /// How many rows of `tensor` are loaded: those beyond the vocabulary are not ([`super::Draft::beside`]).
    pub fn rows_of(&self, role: Role, tensor: &Tensor) -> usize {
        match role {
            Role::TokenEmbedding => tensor.rows().min(self.vocab),
            Role::Output => tensor.rows().min(self.head_vocab),
            _ => tensor.rows(),
        }
    }

    /// Reads the keys `<architecture>.*` and checks that they fit together.
    pub fn from_header(header: &Header) -> Result<Self, Error> {
        let family = kind::family(header)?;
        let has = |tensor: &str| header.tensor(tensor).is_some();
        let rows = |tensor: &str| header.tensor(tensor).map(|(_, t)| t.rows());
        let vocab =
            rows("token_embd.weight").ok_or_else(|| Error::MissingTensor("token_embd.weight".into()))?;
        let config = Self::read(&header.metadata, family, family.name, vocab, rows("output.weight"))?;
        let keys = Keys { metadata: &header.metadata, name: family.name };
        if keys.scaling()? == Some("llama3") && !has("rope_freqs.weight") {
            return Err(Error::RopeScaling("llama3 without rope_freqs.weight".into()));
        }
        let [short, long] = ["rope_factors_short.weight", "rope_factors_long.weight"];
        match (has(short), has(long)) {
            (true, false) => Err(Error::MissingTensor(long.into())),
            (false, true) => Err(Error::MissingTensor(short.into())),
            _ => Ok(config),
        }
    }

    /// Reads the keys `<name>.*` of a model of `family` that reads `vocab` ids and whose head, if it has one of its own,
    /// predicts `output`.
    pub(super) fn read(
        metadata: &Metadata,
        family: &'static Family,
        name: &str,
        vocab: usize,
        output: Option<usize>,
    ) -> Result<Self, Error> {
        let keys = Keys { metadata, name };
        let shape = Shape::read(keys)?;
        let epsilon = keys.name("attention.layer_norm_rms_epsilon");
        let rms_eps = metadata.require_float(&epsilon)? as f32;
        if !(rms_eps >= 0.0 && rms_eps.is_finite()) {
            return Err(Error::Config(format!("{epsilon} is {rms_eps}")));
        }
        let plan = (family.plan)(&shape)?;
        let head_vocab = output.unwrap_or(vocab);
        if head_vocab > vocab || vocab == 0 || head_vocab == 0 {
            return Err(Error::Config(format!(
                "the output head has {head_vocab} rows, the embedding {vocab}"
            )));
        }
        let (width, context, tied) = (shape.width, shape.context, output.is_none());
        features::check(keys, family, &plan, context)?;
        Ok(Self { family, width, vocab, head_vocab, context, rms_eps, tied, plan })
    }
}
