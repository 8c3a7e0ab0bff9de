//! The keys `<architecture>.*` of a header, with the limits of what they can say.

use super::{Attention, Error, Layer, Plan, Rope, RopeStyle};
use crate::gguf::{Metadata, Value};

/// The keys `<name>.*`.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub metadata: &'a Metadata,
    pub name: &'a str,
}

impl Keys<'_> {
    pub fn name(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.name)
    }

    /// A size from 1 to `limit`.
    pub fn size(&self, suffix: &str, limit: u64) -> Result<usize, Error> {
        match self.optional_size(suffix, limit)? {
            Some(size) => Ok(size),
            // Says that it is missing.
            None => Ok(self.metadata.require_uint(&self.name(suffix)).map(|size| size as usize)?),
        }
    }

    /// A size from 1 to `limit`: one number, or one a layer where all are the same.
    pub fn optional_size(&self, suffix: &str, limit: u64) -> Result<Option<usize>, Error> {
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
    pub fn positive(&self, suffix: &str) -> Result<Option<f64>, Error> {
        let key = self.name(suffix);
        let value = self.metadata.optional_float(&key)?;
        match value {
            // As the f32 that most of them become.
            Some(v) if !(v as f32 > 0.0 && (v as f32).is_finite()) => {
                Err(Error::Config(format!("{key} is {v}, not a positive number")))
            }
            value => Ok(value),
        }
    }

    /// What rope scaling `rope.scaling.type` asks for.
    pub fn scaling(&self) -> Result<Option<&str>, Error> {
        Ok(self.metadata.optional_string(&self.name("rope.scaling.type"))?)
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

/// What the headers of all families say in the same way; a family makes its plan of it.
pub(super) struct Shape<'a> {
    pub keys: Keys<'a>,
    pub layers: usize,
    pub width: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub ff: usize,
    pub context: usize,
}

impl<'a> Shape<'a> {
    /// Reads it.
    pub fn read(keys: Keys<'a>) -> Result<Self, Error> {
        let layers = keys.size("block_count", 1024)?;
        let width = keys.size("embedding_length", 1 << 20)?;
        let heads = keys.size("attention.head_count", 4096)?;
        let kv_heads = keys.optional_size("attention.head_count_kv", 4096)?.unwrap_or(heads);
        let head_dim = keys.optional_size("attention.key_length", 1024)?.unwrap_or(width / heads);
        let ff = keys.size("feed_forward_length", 1 << 22)?;
        let context = keys.size("context_length", 1 << 24)?;
        let value_length = keys.optional_size("attention.value_length", 1024)?.unwrap_or(head_dim);
        if value_length != head_dim {
            return Err(Error::Feature {
                key: keys.name("attention.value_length"),
                value: value_length.to_string(),
                means: "values of another width than keys",
            });
        }
        if !heads.is_multiple_of(kv_heads) {
            return Err(Error::Config(format!("{heads} heads cannot share {kv_heads} key/value heads")));
        }
        Ok(Self { keys, layers, width, heads, kv_heads, head_dim, ff, context })
    }

    /// Attention of most families.
    pub fn attention(&self) -> Attention {
        Attention::new(self.heads, self.kv_heads, self.head_dim)
    }

    /// A layer of most families.
    pub fn layer(&self) -> Layer {
        Layer::new(self.attention(), self.ff)
    }

    /// Layers that are all alike, with the rope that the keys ask for.
    pub fn uniform(&self, layer: Layer, style: RopeStyle) -> Result<Plan, Error> {
        Ok(Plan::uniform(self.layers, layer, self.rope(style)?))
    }

    /// How many positions layers with a window see, `default` where the file does not say; `None` without a window.
    pub fn window(&self, default: Option<u64>) -> Result<Option<u64>, Error> {
        let window = self.keys.metadata.optional_uint(&self.keys.name("attention.sliding_window"))?;
        Ok(window.or(default).filter(|window| *window > 0))
    }

    /// A window as [`Attention::window`]: `None` where it is all that there can be.
    pub fn within_context(&self, window: Option<u64>) -> Option<usize> {
        window.filter(|window| *window < self.context as u64).map(|window| window as usize)
    }

    /// Which layers have a window: all but every `n`-th, or what a list says; `period` where the file says nothing.
    pub fn windowed(&self, period: usize) -> Result<Vec<bool>, Error> {
        const KEY: &str = "attention.sliding_window_pattern";
        let key = self.keys.name(KEY);
        let list = match self.keys.metadata.get(&key) {
            Some(Value::Array(array)) => array.convert(Value::as_bool),
            _ => None,
        };
        if let Some(list) = list.as_ref().filter(|list| list.len() != self.layers) {
            let (says, layers) = (list.len(), self.layers);
            return Err(Error::Config(format!("{key} is a list of {says}, and there are {layers} layers")));
        }
        let period = match &list {
            Some(_) => None,
            None => self.keys.optional_size(KEY, 1024)?,
        }
        .unwrap_or(period);
        Ok(list.unwrap_or_else(|| (1..=self.layers).map(|layer| !layer.is_multiple_of(period)).collect()))
    }

    /// The rope that the keys ask for.
    pub fn rope(&self, style: RopeStyle) -> Result<Rope, Error> {
        let scale = match self.keys.scaling()? {
            // "llama3" is computed by its tensor of factors.
            Some("none" | "llama3") => 1.0,
            None | Some("linear") => self.keys.linear_scale()?,
            Some(other) => return Err(Error::RopeScaling(other.into())),
        };
        Ok(Rope { scale, ..self.plain_rope(style)? })
    }

    /// The same without scaling.
    pub fn plain_rope(&self, style: RopeStyle) -> Result<Rope, Error> {
        let base = self.keys.positive("rope.freq_base")?.unwrap_or(10_000.0);
        let dim = self.keys.optional_size("rope.dimension_count", 1 << 20)?.unwrap_or(self.head_dim);
        if self.head_dim == 0
            || !self.head_dim.is_multiple_of(2)
            || !dim.is_multiple_of(2)
            || dim > self.head_dim
            || dim == 0
        {
            return Err(Error::Config(format!("rope over {dim} of {} elements a head", self.head_dim)));
        }
        Ok(Rope::new(style, dim, base))
    }
}
