//! Hyper-parameters from metadata.

use super::family::Family;
use super::{Error, Role, Rope, RopeStyle, features, kind};
use crate::gguf::{Header, Metadata, Tensor, Value};

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
    /// How many rows of `tensor` are loaded: those beyond the vocabulary are not ([`super::Draft::beside`]).
    pub fn rows_of(&self, role: Role, tensor: &Tensor) -> usize {
        match role {
            Role::TokenEmbedding => tensor.rows().min(self.vocab),
            Role::Output => tensor.rows().min(self.head_vocab),
            _ => tensor.rows(),
        }
    }

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
        let family = kind::family(header)?;
        let rows = |tensor: &str| header.tensor(tensor).map(|(_, t)| t.rows());
        let vocab =
            rows("token_embd.weight").ok_or_else(|| Error::MissingTensor("token_embd.weight".into()))?;
        let config = Self::read(&header.metadata, family, family.name, vocab, rows("output.weight"))?;
        let scaling = header.metadata.optional_string(&format!("{}.rope.scaling.type", family.name))?;
        if scaling == Some("llama3") && header.tensor("rope_freqs.weight").is_none() {
            return Err(Error::RopeScaling("llama3 without rope_freqs.weight".into()));
        }
        Ok(config)
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
        let layers = keys.size("block_count", 1024)?;
        let width = keys.size("embedding_length", 1 << 20)?;
        let heads = keys.size("attention.head_count", 4096)?;
        let kv_heads = keys.optional_size("attention.head_count_kv", 4096)?.unwrap_or(heads);
        let head_dim = keys.optional_size("attention.key_length", 1024)?.unwrap_or(width / heads);
        let ff = keys.size("feed_forward_length", 1 << 22)?;
        let context = keys.size("context_length", 1 << 24)?;
        let epsilon = keys.name("attention.layer_norm_rms_epsilon");
        let rms_eps = metadata.require_float(&epsilon)? as f32;
        if !(rms_eps >= 0.0 && rms_eps.is_finite()) {
            return Err(Error::Config(format!("{epsilon} is {rms_eps}")));
        }
        let value_length = keys.optional_size("attention.value_length", 1024)?.unwrap_or(head_dim);
        if value_length != head_dim {
            return Err(Error::Feature {
                key: keys.name("attention.value_length"),
                value: value_length.to_string(),
                means: "values of another width than keys",
            });
        }
        let rope = keys.rope(family.rope, head_dim)?;
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
        let head_vocab = output.unwrap_or(vocab);
        if head_vocab > vocab || vocab == 0 || head_vocab == 0 {
            return Err(Error::Config(format!(
                "the output head has {head_vocab} rows, the embedding {vocab}"
            )));
        }
        features::check(metadata, name, head_dim, context)?;
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

/// The keys `<name>.*`.
struct Keys<'a> {
    metadata: &'a Metadata,
    name: &'a str,
}

impl Keys<'_> {
    fn name(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.name)
    }

    /// A size from 1 to `limit`.
    fn size(&self, suffix: &str, limit: u64) -> Result<usize, Error> {
        match self.optional_size(suffix, limit)? {
            Some(size) => Ok(size),
            // Says that it is missing.
            None => Ok(self.metadata.require_uint(&self.name(suffix)).map(|size| size as usize)?),
        }
    }

    /// A size from 1 to `limit`: one number, or one a layer where all are the same.
    fn optional_size(&self, suffix: &str, limit: u64) -> Result<Option<usize>, Error> {
        let key = self.name(suffix);
        let value = match self.metadata.get(&key) {
            Some(Value::Array(array)) if !array.is_empty() => {
                let all = self.metadata.optional_uints(&key)?.unwrap_or_default();
                if all.windows(2).any(|pair| pair[0] != pair[1]) {
                    return Err(Error::PerLayer(key));
                }
                all.first().copied()
            }
            _ => self.metadata.optional_uint(&key)?,
        };
        match value {
            Some(0) => Err(Error::Config(format!("{key} is 0"))),
            Some(v) if v > limit => Err(Error::Config(format!("{key} is {v}, more than {limit}"))),
            v => Ok(v.map(|v| v as usize)),
        }
    }

    /// A positive number.
    fn positive(&self, suffix: &str) -> Result<Option<f64>, Error> {
        let key = self.name(suffix);
        let value = self.metadata.optional_float(&key)?;
        match value {
            Some(v) if !(v > 0.0 && v.is_finite()) => {
                Err(Error::Config(format!("{key} is {v}, not a positive number")))
            }
            value => Ok(value),
        }
    }

    fn rope(&self, style: RopeStyle, head_dim: usize) -> Result<Rope, Error> {
        let base = self.positive("rope.freq_base")?.unwrap_or(10_000.0);
        let dim = self.optional_size("rope.dimension_count", 1 << 20)?.unwrap_or(head_dim);
        let scale = match self.metadata.optional_string(&self.name("rope.scaling.type"))? {
            // "llama3" is computed by its tensor of factors.
            Some("none" | "llama3") => 1.0,
            None | Some("linear") => self.linear_scale()?,
            Some(other) => return Err(Error::RopeScaling(other.into())),
        };
        Ok(Rope { style, dim, base, scale })
    }

    /// What positions are divided by: the factor, or the same under its old name; 0 is none, as in llama.cpp.
    fn linear_scale(&self) -> Result<f64, Error> {
        for suffix in ["rope.scaling.factor", "rope.scale_linear"] {
            match self.metadata.optional_float(&self.name(suffix))? {
                None => {}
                Some(0.0) => return Ok(1.0),
                Some(_) => return Ok(self.positive(suffix)?.unwrap_or(1.0)),
            }
        }
        Ok(1.0)
    }
}
