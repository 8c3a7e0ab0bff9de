//! Shapes of drafts by name: one line each in [`ARCHITECTURES`].

use crate::learn::core::{error::Error, table};
use crate::model::draft::{Draft, Input, Origin};
use crate::model::{Attention, Config, Layer, Plan, Rope, RopeStyle, family::FAMILIES};

/// A shape, still without the ids that it predicts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// What it reads.
    pub input: Input,
    /// Layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Inner width of the MLP.
    pub ff: usize,
    /// Whose embedding.
    pub embedding: Origin,
    /// Whose head.
    pub head: Origin,
    /// Whether its own head is its own embedding.
    pub tied: bool,
    /// The target's layers whose states it reads; `None` for the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taps: Option<Vec<usize>>,
}

/// A shape that can be chosen by name.
pub struct Architecture {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// The shape for a target.
    pub shape: fn(target: &Config) -> Shape,
}

/// Every shape that has a name. A draft's own file is one as well (`--init-from`).
pub static ARCHITECTURES: [Architecture; 8] = [
    Architecture {
        name: "hidden-1",
        about: "one layer like the target's, fed by its hidden states, sharing its embedding and head",
        shape: |target| like(target, Input::Hidden, 1),
    },
    Architecture {
        name: "hidden-2",
        about: "the same with two layers",
        shape: |t| like(t, Input::Hidden, 2),
    },
    Architecture {
        name: "taps-1",
        about: "hidden-1 that reads the states behind an early, a middle and the last layer (EAGLE-3)",
        shape: |target| Shape { taps: Some(three_taps(target)), ..like(target, Input::Hidden, 1) },
    },
    Architecture {
        name: "tokens-2",
        about: "two layers like the target's, fed by tokens alone, sharing its embedding and head",
        shape: |target| like(target, Input::Tokens, 2),
    },
    Architecture {
        name: "tokens-4",
        about: "the same with four layers",
        shape: |t| like(t, Input::Tokens, 4),
    },
    Architecture {
        name: "plain-4x256",
        about: "an ordinary llama of 4 layers of width 256, its head its embedding",
        shape: |_| plain(4, 256, 4, 64, 704),
    },
    Architecture {
        name: "target",
        about: "an ordinary model of the target's own shape: target distillation",
        shape: Shape::of_target,
    },
    Architecture {
        name: "plain-2x64",
        about: "an ordinary llama of 2 layers of width 64, for tests",
        shape: |_| plain(2, 64, 4, 16, 96),
    },
];

fn like(target: &Config, input: Input, layers: usize) -> Shape {
    let layer = target.plan.layers[target.plan.layers.len() - 1];
    let Attention { heads, kv_heads, head_dim, .. } = *layer.attention();
    let (width, ff, taps) = (target.width, layer.mlp.ff(), None);
    let (embedding, head) = (Origin::Target, Origin::Target);
    Shape { input, layers, width, heads, kv_heads, head_dim, ff, embedding, head, tied: false, taps }
}

/// An early layer, one in the middle and the last (arXiv 2503.01840 says no more than low, middle and high).
fn three_taps(target: &Config) -> Vec<usize> {
    let last = target.plan.layers.len() - 1;
    let mut taps = vec![2.min(last), last / 2, last];
    taps.sort_unstable();
    taps.dedup();
    taps
}

fn plain(layers: usize, width: usize, heads: usize, head_dim: usize, ff: usize) -> Shape {
    let (embedding, head) = (Origin::Own, Origin::Own);
    let (input, kv_heads) = (Input::Tokens, heads / 2);
    let taps = None;
    Shape { input, layers, width, heads, kv_heads, head_dim, ff, embedding, head, tied: true, taps }
}

impl Architecture {
    /// The architecture called `name`.
    ///
    /// # Errors
    /// [`Error::Unknown`] where [`ARCHITECTURES`] has no such line.
    pub fn by_name(name: &str) -> Result<&'static Self, Error> {
        table::find("draft architecture", &ARCHITECTURES, name, |architecture| architecture.name)
    }
}

impl Shape {
    /// An ordinary model of the target's own shape.
    pub fn of_target(target: &Config) -> Self {
        let (embedding, head) = (Origin::Own, Origin::Own);
        Self { embedding, head, tied: target.tied, ..like(target, Input::Tokens, target.plan.layers.len()) }
    }

    /// Whether it is an ordinary model, whose head predicts the first ids: no map of ids.
    pub fn is_plain(&self) -> bool {
        (self.input, self.embedding, self.head) == (Input::Tokens, Origin::Own, Origin::Own)
    }

    /// A draft of this shape for a target, predicting `ids` (`None`: all). Rope is the target's where heads are as wide
    /// as the target's, otherwise of the same base over whole heads.
    pub fn draft(&self, target: &Config, ids: Option<Vec<u32>>) -> Draft {
        let style = RopeStyle::Interleaved;
        let theirs = &target.plan.ropes[0];
        let same_heads = target.plan.layers[0].attention().head_dim == self.head_dim;
        let rope = match (same_heads, theirs.style == style) {
            (true, true) => theirs.clone(),
            // Long ropes' factors are not in a draft's file.
            (true, false) => {
                Rope { dim: theirs.dim, scale: theirs.scale, ..Rope::new(style, self.head_dim, theirs.base) }
            }
            (false, _) => Rope::new(style, self.head_dim, theirs.base),
        };
        let attention = Attention::new(self.heads, self.kv_heads, self.head_dim);
        let config = Config {
            family: FAMILIES[0],
            width: self.width,
            vocab: target.vocab,
            head_vocab: ids.as_ref().map_or(target.head_vocab, Vec::len),
            context: target.context,
            rms_eps: target.rms_eps,
            tied: self.tied,
            plan: Plan::uniform(self.layers, Layer::new(attention, self.ff), rope),
        };
        let Self { input, embedding, head, .. } = *self;
        let (target_width, taps, slots) = (target.width, self.taps.clone(), Vec::new());
        Draft { config, input, embedding, head, ids, target_width, taps, slots }
    }
}
