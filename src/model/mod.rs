//! What a model is: hyper-parameters, what its layers compute and the role of every tensor, read from a GGUF header. No
//! weights here.
//!
//! A family is one file of [`family`] that turns a header into a [`Plan`], and one line of [`family::FAMILIES`].

mod cache_type;
mod config;
pub mod draft;
pub mod family;
mod features;
mod keys;
mod kind;
mod plan;
mod role;
mod rope;
mod slots;
mod taps;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "rigs"))]
pub mod tiny;

pub use cache_type::{CacheType, UnknownCacheType};
pub use config::Config;
pub use draft::Draft;
pub use plan::{Activation, Attention, Layer, Mixer, Mlp, Norms, Plan};
pub use role::{Role, Slot};
pub use rope::{Factors, Rope, RopeStyle};
pub use slots::Wanted;
pub(crate) use slots::{outputs, parts, position};
pub use taps::Taps;

use crate::gguf::Header;

/// A model that we can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Hyper-parameters.
    pub config: Config,
    /// What each tensor of the header is for, in the header's order; `None` for tensors that nothing needs.
    pub slots: Vec<Option<Slot>>,
}

impl Model {
    /// Checks that `header` describes a model of a family we know, with every tensor in place and in shape.
    pub fn describe(header: &Header) -> Result<Self, Error> {
        let config = Config::from_header(header)?;
        let slots = slots::assign(header, &config)?;
        Ok(Self { config, slots })
    }

    /// The header index of the tensor with `role` in `layer` (`None` for tensors outside the layers).
    pub fn tensor(&self, layer: Option<usize>, role: Role) -> Option<usize> {
        slots::position(&self.slots, layer, role)
    }
}

/// A model that we cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A metadata key is missing.
    #[error(transparent)]
    Metadata(#[from] crate::gguf::Error),
    /// An architecture without a line in the table.
    #[error("the architecture {name:?} is not supported{}; use a model of one of {supported}", reason(*.why))]
    Architecture {
        /// Its name in the file.
        name: String,
        /// Why that is no wonder, where we know.
        why: Option<&'static str>,
        /// The families we know.
        supported: String,
    },
    /// No model but a change to one.
    #[error("this is a LoRA adapter and no model; merge it into its model (llama-export-lora) and use that")]
    Adapter,
    /// No model but statistics about one.
    #[error(
        "this is an importance matrix, which helps to quantize a model, and no model; use the model's own file"
    )]
    ImportanceMatrix,
    /// A model without its weights.
    #[error("this file has a tokenizer but no tensors: a vocabulary alone; use the model's whole file")]
    VocabularyOnly,
    /// A draft where a target should be.
    #[error(
        "this is a draft, which does not speak alone; give it as the draft (--draft, in the package `draft`) beside \
         the target that it was made for"
    )]
    IsDraft,
    /// A mixture of experts.
    #[error("this is a mixture of experts ({0}), which is not supported; use a dense model")]
    Experts(String),
    /// Matrices of several roles in one tensor.
    #[error(
        "tensor {0} holds queries, keys and values together, which is not supported; use a file that has them \
         in attn_q, attn_k and attn_v, as convert_hf_to_gguf.py writes them"
    )]
    FusedTensor(String),
    /// A hyper-parameter that differs between layers.
    #[error(
        "metadata {0} differs from layer to layer, which is not supported; use a model whose layers are alike"
    )]
    PerLayer(String),
    /// Something that changes the text and that we do not compute.
    #[error("metadata {key} is {value}: {means}, which Paceline does not compute; use a model without it")]
    Feature {
        /// The key.
        key: String,
        /// Its value in the file.
        value: String,
        /// What it stands for.
        means: &'static str,
    },
    /// A rope scaling that we do not compute.
    #[error(
        "the rope scaling {0:?} is not supported; use a model without it, with linear scaling or a llama 3 model"
    )]
    RopeScaling(String),
    /// A tensor that must be there is not.
    #[error(
        "tensor {0} is missing; the file is of another kind of model, or was not written whole: use another one"
    )]
    MissingTensor(String),
    /// A tensor that the family does not have: leaving it out would give another text.
    #[error(
        "tensor {0} is none that a model of this kind has; the file is of a variant that is not supported, or its \
         block_count is wrong"
    )]
    UnreadTensor(String),
    /// A tensor has another shape than the hyper-parameters ask for.
    #[error(
        "tensor {name} has shape {found:?} where {expected:?} is needed; the file is corrupt or of another kind"
    )]
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape, innermost first.
        found: Vec<usize>,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// Hyper-parameters that contradict each other or our kernels' limits.
    #[error("the hyper-parameters cannot be right: {0}")]
    Config(String),
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Metadata(e) => e.code(),
            Self::Architecture { .. } => "model-architecture",
            Self::Adapter => "model-adapter",
            Self::ImportanceMatrix => "model-imatrix",
            Self::VocabularyOnly => "model-vocabulary-only",
            Self::IsDraft => "model-is-draft",
            Self::Experts(_) => "model-experts",
            Self::FusedTensor(_) => "model-fused-tensor",
            Self::PerLayer(_) => "model-per-layer",
            Self::Feature { .. } => "model-feature",
            Self::RopeScaling(_) => "model-rope-scaling",
            Self::MissingTensor(_) => "model-missing-tensor",
            Self::UnreadTensor(_) => "model-unread-tensor",
            Self::Shape { .. } => "model-shape",
            Self::Config(_) => "model-config",
        }
    }
}

fn reason(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!(": {why}"))
}
