//! What a model is: hyper-parameters and the role of every tensor, read from a GGUF header. No weights here.
//!
//! A family (llama, qwen2, qwen3) is one line of [`family::FAMILIES`].

mod config;
pub mod draft;
pub mod family;
mod rope;
mod slots;
pub mod tiny;

pub use config::Config;
pub use draft::Draft;
pub use rope::{Rope, RopeStyle};
pub(crate) use slots::position;
pub use slots::{Role, Slot};

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
    #[error("the architecture {name:?} is not supported; use a model of one of {supported}")]
    Architecture {
        /// Its name in the file.
        name: String,
        /// The families we know.
        supported: String,
    },
    /// A rope scaling that we do not compute.
    #[error(
        "the rope scaling {0:?} is not supported; use a model without it, with linear scaling or a llama 3 model"
    )]
    RopeScaling(String),
    /// A tensor that must be there is not.
    #[error("tensor {0} is missing; the file is incomplete, download it again")]
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
            Self::RopeScaling(_) => "model-rope-scaling",
            Self::MissingTensor(_) => "model-missing-tensor",
            Self::UnreadTensor(_) => "model-unread-tensor",
            Self::Shape { .. } => "model-shape",
            Self::Config(_) => "model-config",
        }
    }
}
