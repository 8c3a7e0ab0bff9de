//! Hyper-parameters from metadata.

use super::family::{FAMILIES, Family};
use super::{Error, Rope};
use crate::gguf::{Header, Metadata};

/// Hyper-parameters of a model. Sizes are in elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The family's line of the table.
    pub family: &'static Family,
    /// Number of transformer layers.
    pub layers: usize,
    /// Width of the residual stream (d_model).
    pub width: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Inner width of the MLP.
    pub ff: usize,
    /// Token ids that the model reads: rows of the token embedding.
    pub vocab: usize,
    /// Token ids that the model predicts: rows of the output head, `<= vocab` (a draft may predict only the
    /// first, most frequent ids).
    pub head_vocab: usize,
    /// Longest context that the model was trained for, in tokens.
    pub context: usize,
    /// Epsilon of every RMS norm.
    pub rms_eps: f32,
    /// Rotary embedding.
    pub rope: Rope,
    /// Whether the output head is the token embedding.
    pub tied: bool,
}

impl Config {
    /// Width of all query heads together.
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Reads the keys `<architecture>.*` and checks that they fit together.
    pub fn from_header(header: &Header) -> Result<Self, Error> {
        let name = header.metadata.require_string("general.architecture")?;
        let family = FAMILIES.iter().find(|f| f.name == name).ok_or_else(|| Error::Architecture {
            name: name.into(),
            supported: FAMILIES.iter().map(|f| f.name).collect::<Vec<_>>().join(", "),
        })?;
        let rows = |tensor: &str| header.tensor(tensor).map(|(_, t)| t.rows());
        let vocab =
            rows("token_embd.weight").ok_or_else(|| Error::MissingTensor("token_embd.weight".into()))?;
        Self::read(&header.metadata, family, name, vocab, rows("output.weight"))
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
        let key = |suffix: &str| format!("{name}.{suffix}");
        let size = |suffix: &str, limit: u64| -> Result<usize, Error> {
            let value = metadata.require_uint(&key(suffix))?;
            match value {
                0 => Err(Error::Config(format!("{} is 0", key(suffix)))),
                v if v > limit => Err(Error::Config(format!("{} is {v}, more than {limit}", key(suffix)))),
                v => Ok(v as usize),
            }
        };
        let layers = size("block_count", 1024)?;
        let width = size("embedding_length", 1 << 20)?;
        let heads = size("attention.head_count", 4096)?;
        let kv_heads = metadata
            .uint(&key("attention.head_count_kv"))
            .map_or(Ok(heads), |_| size("attention.head_count_kv", 4096))?;
        let head_dim = metadata
            .uint(&key("attention.key_length"))
            .map_or(Ok(width / heads), |_| size("attention.key_length", 1024))?;
        let ff = size("feed_forward_length", 1 << 22)?;
        let context = size("context_length", 1 << 24)?;
        let rms_eps = metadata.float(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5) as f32;

        let scale = match metadata.string(&key("rope.scaling.type")) {
            None | Some("none" | "llama3") => 1.0,
            Some("linear") => metadata.float(&key("rope.scaling.factor")).unwrap_or(1.0),
            Some(other) => return Err(Error::RopeScaling(other.into())),
        };
        let rope = Rope {
            style: family.rope,
            dim: metadata.uint(&key("rope.dimension_count")).map_or(head_dim, |d| d as usize),
            base: metadata.float(&key("rope.freq_base")).unwrap_or(10_000.0),
            scale,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(Error::Config(format!("{heads} heads cannot share {kv_heads} key/value heads")));
        }
        if head_dim == 0
            || !head_dim.is_multiple_of(2)
            || !rope.dim.is_multiple_of(2)
            || rope.dim > head_dim
            || rope.dim == 0
        {
            return Err(Error::Config(format!("rope over {} of {head_dim} elements a head", rope.dim)));
        }
        if !(rope.base > 0.0 && rope.base.is_finite() && scale > 0.0 && scale.is_finite() && rms_eps >= 0.0) {
            return Err(Error::Config("rope base, rope scale or epsilon is not a positive number".into()));
        }
        let head_vocab = output.unwrap_or(vocab);
        if head_vocab > vocab || vocab == 0 || head_vocab == 0 {
            return Err(Error::Config(format!(
                "the output head has {head_vocab} rows, the embedding {vocab}"
            )));
        }
        Ok(Self {
            family,
            layers,
            width,
            heads,
            kv_heads,
            head_dim,
            ff,
            vocab,
            head_vocab,
            context,
            rms_eps,
            rope,
            tied: output.is_none(),
        })
    }
}
