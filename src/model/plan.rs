//! What a model computes, as data: what interprets a plan knows nothing of families.
//!
//! ```text
//! x = embedding_scale * embedding[token]
//! for each layer:    x += after?(mixer(before(x)));  x += after?(mlp(before(x)))
//! logits = softcap?(head * rms_norm(x, output_norm))
//! ```

use super::Rope;

/// The layers of a model, and what surrounds them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What embeddings are multiplied with; 1 for most families.
    pub embedding_scale: f32,
    /// The rotary embeddings that layers refer to by index.
    pub ropes: Vec<Rope>,
    /// Layers, the first to read the embedding first.
    pub layers: Vec<Layer>,
    /// Logits `l` become `logit_softcap * tanh(l / logit_softcap)`.
    pub logit_softcap: Option<f32>,
}

impl Plan {
    /// `count` layers that are all alike and share a rope.
    pub fn uniform(count: usize, layer: Layer, rope: Rope) -> Self {
        let layers = vec![layer; count];
        Self { embedding_scale: 1.0, ropes: vec![rope], layers, logit_softcap: None }
    }

    /// Whether some layer norms what it adds to the residual stream.
    pub fn norms_after(&self) -> bool {
        self.layers.iter().any(|layer| layer.norms == Norms::BeforeAndAfter)
    }
}

/// A mixer, which reads other positions, then an MLP, which does not; each adds to the residual stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Where RMS norms stand.
    pub norms: Norms,
    /// What reads other positions.
    pub mixer: Mixer,
    /// What does not.
    pub mlp: Mlp,
}

/// Where a layer's RMS norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// In front of the mixer and of the MLP.
    Before,
    /// And behind each, before it is added (gemma).
    BeforeAndAfter,
}

/// How a layer reads other positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mixer {
    /// Softmax attention; it remembers keys and values, a row a position.
    Attention(Attention),
}

/// Softmax attention with grouped queries (arXiv 1706.03762, 2305.13245).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// How many positions a row sees, its own the last of them; `None`: all.
    pub window: Option<usize>,
    /// Which of the plan's ropes rotates q and k.
    pub rope: usize,
    /// Whether each head of q and k is RMS-normalized before rope.
    pub qk_norm: bool,
    /// Whether q, k and v have biases in every file. Where this is false a file may still have them.
    pub bias: bool,
    /// Scores `s` become `softcap * tanh(s / softcap)`.
    pub softcap: Option<f32>,
    /// What `q . k` is multiplied with.
    pub scale: f32,
}

impl Attention {
    /// What most families have: all positions, the plan's first rope, `scale = head_dim^-1/2`.
    pub fn new(heads: usize, kv_heads: usize, head_dim: usize) -> Self {
        let scale = 1.0 / (head_dim as f32).sqrt();
        let (window, softcap) = (None, None);
        Self { heads, kv_heads, head_dim, window, rope: 0, qk_norm: false, bias: false, softcap, scale }
    }

    /// Width of all query heads together.
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Width of a row of q, k and v.
    pub fn qkv_width(&self) -> usize {
        self.q_width() + 2 * self.kv_width()
    }

    /// The first position that a row at `position` sees.
    pub fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// What a layer computes of each position by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mlp {
    /// `down(activation(gate(x)) * up(x))` (arXiv 2002.05202).
    Gated {
        /// Inner width.
        ff: usize,
        /// Of the gate.
        activation: Activation,
    },
}

impl Mlp {
    /// Its inner width.
    pub fn ff(&self) -> usize {
        let Self::Gated { ff, .. } = self;
        *ff
    }
}

/// The activation of an MLP's gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e^-x)`
    Silu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`, the approximation that gemma was trained with.
    Gelu,
}

impl Activation {
    /// What files call it.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Silu => &["silu", "swish", "swiglu"],
            Self::Gelu => &["gelu", "gelu_pytorch_tanh", "gelu_tanh"],
        }
    }

    /// Its name in sentences.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Silu => "another activation than SiLU",
            Self::Gelu => "another activation than GELU by tanh",
        }
    }
}

impl Layer {
    /// What most families have: norms in front, and a gated SiLU MLP of inner width `ff`.
    pub fn new(attention: Attention, ff: usize) -> Self {
        let mlp = Mlp::Gated { ff, activation: Activation::Silu };
        Self { norms: Norms::Before, mixer: Mixer::Attention(attention), mlp }
    }

    /// Its attention.
    pub fn attention(&self) -> &Attention {
        let Mixer::Attention(attention) = &self.mixer;
        attention
    }
}
