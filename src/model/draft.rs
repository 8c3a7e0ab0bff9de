//! Drafts that need more of an engine than a model does: the file format, and what an engine must do with it.
//!
//! A plain draft (its own embedding, a head over the first ids, fed by tokens alone) is an ordinary `llama` file and
//! needs none of this. Every other draft says `general.architecture = paceline-draft`, so that nothing that does not
//! know better runs it as a model. Its hyper-parameters are a llama's under `paceline-draft.*` (`block_count`,
//! `embedding_length`, `feed_forward_length`, `attention.*`, `rope.*`, `context_length`), its layers are a llama's
//! `blk.N.*` and `output_norm.weight`, and it carries the target's `tokenizer.ggml.*`. Beyond that:
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `paceline.draft.version` | U32 | 1 |
//! | `paceline.draft.input` | string | `tokens`, or `hidden`: fed by the target's hidden states as well |
//! | `paceline.draft.embedding` | string | `own` (`token_embd.weight`), or `target`: the target's, not in the file |
//! | `paceline.draft.head` | string | `own` (`output.weight`, one row a draft id), or `target`: rows of the target's head |
//! | `paceline.draft.ids` | U32 array | target id of each draft id, ascending; absent where they are the same |
//! | `paceline.draft.target_width` | U32 | width of the target |
//! | `paceline.draft.target_vocab` | U32 | token ids of the target |
//! | `paceline.draft.taps` | U32 array | of an input `hidden`: the target's layers (from 0, ascending) whose states it reads; absent: the last |
//!
//! Let `W` be the draft's width, `T` the target's, `E` that of the embedding (`T` where it is the target's, else `W`), `k` the
//! number of taps (1 where they are absent), `S = k T` the width of a state.
//!
//! # What an engine does
//! **Logits.** The head has one row a draft id: logit `i` is about target id `ids[i]`. All other ids have probability 0
//! (softmax is over the draft ids alone); sampling and argmax end with that one lookup. Where the head is the target's,
//! its row `i` is the row `ids[i]` of the target's head (of its embedding where that is tied): gather it once, at load.
//!
//! **Input `tokens`.** `x[t] = embedding[token[t]]`, then layers, norm and head as in a llama. `E = W`.
//!
//! **Input `hidden`.** Let `h[t]` be the target's state at position `t`: its residual stream after each tapped layer, one
//! after the other (after the last: *before* the output norm); `h[-1] = 0`. The draft's row at position `t` reads the
//! token there and the state that predicted it:
//!
//! ```text
//! x[t] = fuse.weight * concat(rms_norm(embedding[token[t]], fuse.embd_norm), rms_norm(h[t - 1], fuse.hidden_norm))
//! s[t] = layers(x[t])            residual stream after the last layer; keys and values at position t
//! logits[t] = head * rms_norm(s[t], output_norm)         about token t + 1
//! ```
//!
//! with `fuse.weight` `[E + S, W]`, `fuse.embd_norm.weight` `[E]`, `fuse.hidden_norm.weight` `[S]`, every epsilon
//! `paceline-draft.attention.layer_norm_rms_epsilon`. A round over a context that ends at position `n` (its target
//! states known up to `n - 1`: the last token has not been read by the target):
//!
//! 1. *Catch up*: rows for every committed position not yet in the draft's cache, `n` included, with the target's states;
//!    rows that earlier rounds wrote with the draft's own states are written again. The last row's logits give the
//!    first proposed token, at `n + 1`.
//! 2. *Draft on*: for `k = 1, 2 ...` one row at `n + k` with the token just proposed and, in place of the target's state
//!    `h[n + k - 1]` that nobody knows yet, the draft's own `s[n + k - 1]` (so `W = T` is required), once for each tap.
//!    The cache grows with it.
//! 3. The target verifies `n ..= n + gamma` as always; its rows give the states for the next catch-up.
//!    Rolling back is a length, as for any cache.

use super::slots::{wanted, wanted_to_fuse};
use super::{Attention, Config, Error, Role, Slot, Taps, Wanted, family};
use crate::gguf::{Array, Header, Metadata, Value};

/// `general.architecture` of a draft that is not a model.
pub const ARCHITECTURE: &str = super::kind::DRAFT;
/// The version of the format that we read and write.
pub const VERSION: u32 = 1;

const VERSION_KEY: &str = "paceline.draft.version";
const INPUT: &str = "paceline.draft.input";
const EMBEDDING: &str = "paceline.draft.embedding";
const HEAD: &str = "paceline.draft.head";
const IDS: &str = "paceline.draft.ids";
const TARGET_WIDTH: &str = "paceline.draft.target_width";
const TARGET_VOCAB: &str = "paceline.draft.target_vocab";
const TAPS: &str = "paceline.draft.taps";

/// What a draft reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Tokens.
    Tokens,
    /// Tokens and the target's hidden states.
    Hidden,
}

/// Whose a matrix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It is in the draft's file.
    Own,
    /// It is the target's.
    Target,
}

/// A draft of this format.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Hyper-parameters; `vocab` is the target's, `head_vocab` the number of draft ids.
    pub config: Config,
    /// What it reads.
    pub input: Input,
    /// Whose embedding it reads.
    pub embedding: Origin,
    /// Whose head it has.
    pub head: Origin,
    /// Target id of each draft id, ascending; `None` where they are the same.
    pub ids: Option<Vec<u32>>,
    /// The target's width.
    pub target_width: usize,
    /// The target's layers whose states it reads, ascending; `None`: the last.
    pub taps: Option<Vec<usize>>,
    /// What each tensor of the header is for; `None` for tensors that nothing needs.
    pub slots: Vec<Option<Slot>>,
}

impl Draft {
    /// Whether `header` is of such a draft.
    pub fn is(header: &Header) -> bool {
        matches!(header.metadata.optional_string("general.architecture"), Ok(Some(ARCHITECTURE)))
    }

    /// Checks that `header` describes a draft, with every tensor in place and in shape: one of this format, or an ordinary
    /// model of any family, which then is a draft for `target`.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::Architecture`], [`Error::Config`], [`Error::MissingTensor`], [`Error::Shape`].
    pub fn describe(header: &Header, target: &Config) -> Result<Self, Error> {
        if Self::is(header) {
            return Self::of_format(header);
        }
        let super::Model { config, slots } = super::Model::describe(header)?;
        let (input, embedding, head) = (Input::Tokens, Origin::Own, Origin::Own);
        let target_width = target.width;
        Ok(Self { config, input, embedding, head, ids: None, target_width, taps: None, slots })
    }

    /// Whether it is an ordinary model.
    pub fn is_plain(&self) -> bool {
        (self.input, self.embedding, self.head) == (Input::Tokens, Origin::Own, Origin::Own)
            && self.ids.is_none()
    }

    /// Whether it has matrices or reads states of its target: beside another one it cannot run.
    pub fn needs_target(&self) -> bool {
        self.input == Input::Hidden || self.embedding == Origin::Target || self.head == Origin::Target
    }

    /// It, as it runs beside `target`: what it says beyond the target's ids is cut off, and is never proposed. Ids mean the
    /// same to both where their [tokenizers are compatible](crate::text::Tokenizer::compatible); how far vocabularies are
    /// padded differs between models of one series. Rows of its file beyond [`Config::vocab`] and [`Config::head_vocab`] are
    /// not loaded, and ids beyond [`Config::vocab`] read as the last one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn beside(mut self, target: &Config) -> Result<Self, String> {
        if self.target_width != target.width {
            let (theirs, ours) = (self.target_width, target.width);
            return Err(format!("it was made for a target of width {theirs}, this one has {ours}"));
        }
        self.taps(target)?;
        let config = &mut self.config;
        if self.embedding == Origin::Target {
            config.vocab = target.vocab;
        } else {
            config.vocab = config.vocab.min(target.vocab);
        }
        let most = if self.head == Origin::Target { target.head_vocab } else { target.vocab };
        config.head_vocab = match &mut self.ids {
            Some(ids) => {
                ids.retain(|id| (*id as usize) < most);
                ids.len()
            }
            None if self.head == Origin::Target => most,
            None => config.head_vocab.min(most),
        };
        if config.head_vocab == 0 {
            return Err("it predicts none of the target's token ids".into());
        }
        Ok(self)
    }

    /// What it reads of the states of `target`.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn taps(&self, target: &Config) -> Result<Taps, String> {
        match &self.taps {
            None => Ok(Taps::last(target)),
            Some(layers) => Taps::new(layers.clone(), target),
        }
    }

    /// Whether the states that it reads end with what the last layer of `target` leaves, which its own state stands for.
    pub fn reads_last(&self, target: &Config) -> bool {
        let last = target.plan.layers.len() - 1;
        self.taps.as_ref().is_none_or(|taps| taps.last() == Some(&last))
    }

    /// Values of a state that it reads.
    pub fn state_width(&self) -> usize {
        self.taps.as_ref().map_or(1, Vec::len) * self.target_width
    }

    /// The index of the tensor with `role` in `layer` (`None` for tensors outside the layers) in the header.
    pub fn tensor(&self, layer: Option<usize>, role: Role) -> Option<usize> {
        super::position(&self.slots, layer, role)
    }

    fn of_format(header: &Header) -> Result<Self, Error> {
        let metadata = &header.metadata;
        let bad = |why: String| Err(Error::Config(why));
        match metadata.require_uint(VERSION_KEY)? {
            v if v == u64::from(VERSION) => {}
            v => return bad(format!("{VERSION_KEY} is {v}, only {VERSION} is known; use a newer Paceline")),
        }
        let input = one_of(metadata, INPUT, [("tokens", Input::Tokens), ("hidden", Input::Hidden)])?;
        let origins = [("own", Origin::Own), ("target", Origin::Target)];
        let embedding = one_of(metadata, EMBEDDING, origins)?;
        let head = one_of(metadata, HEAD, origins)?;
        let size = |key| Ok::<_, Error>(metadata.require_uint(key)?.min(1 << 24) as usize);
        let (target_width, vocab) = (size(TARGET_WIDTH)?, size(TARGET_VOCAB)?);
        let ids: Option<Vec<u32>> = metadata
            .optional_uints(IDS)?
            .map(|ids| ids.into_iter().map(|id| u32::try_from(id).unwrap_or(u32::MAX)).collect());
        if let Some(ids) = &ids
            && (ids.is_empty()
                || ids.windows(2).any(|pair| pair[0] >= pair[1])
                || ids.last().is_some_and(|last| *last as usize >= vocab))
        {
            return bad(format!("{IDS} is not an ascending list of ids below {vocab}"));
        }
        let head_vocab = ids.as_ref().map_or(vocab, Vec::len);
        let config = Config::read(metadata, family::of_drafts(), ARCHITECTURE, vocab, Some(head_vocab))?;
        if config.width != target_width
            && (head == Origin::Target
                || input == Input::Hidden
                || embedding == Origin::Target && input == Input::Tokens)
        {
            return bad(format!("a width of {} does not go with a target of {target_width}", config.width));
        }
        let taps = metadata.optional_uints(TAPS)?;
        let taps = taps.map(|taps| taps.into_iter().map(|layer| layer.min(1 << 16) as usize).collect());
        if taps.as_ref().is_some_and(|taps: &Vec<usize>| taps.is_empty() || taps.len() > 8) {
            return bad(format!("{TAPS} is not a list of 1 to 8 layers"));
        }
        if taps.is_some() && input == Input::Tokens {
            return bad(format!("{TAPS} is of no use to a draft that reads tokens alone"));
        }
        let slots = Vec::new();
        let mut draft = Self { config, input, embedding, head, ids, target_width, taps, slots };
        draft.slots = super::slots::assign_wanted(header, draft.wanted())?;
        Ok(draft)
    }

    /// The metadata keys of this draft, hyper-parameters and all; the tokenizer is not among them.
    pub fn write(&self, metadata: &mut Metadata) {
        let c = &self.config;
        let size = |n: usize| Value::U32(n as u32);
        let text = |s: &str| Value::String(s.into());
        let mut set = |key: &str, value| metadata.set(key.replace("{}", ARCHITECTURE), value);
        set("general.architecture", text(ARCHITECTURE));
        set("{}.block_count", size(c.plan.layers.len()));
        set("{}.context_length", size(c.context));
        set("{}.embedding_length", size(c.width));
        set("{}.attention.layer_norm_rms_epsilon", Value::F32(c.rms_eps));
        // The layers of a draft are alike.
        if let (Some(layer), Some(rope)) = (c.plan.layers.first(), c.plan.ropes.first()) {
            let Attention { heads, kv_heads, head_dim, .. } = *layer.attention();
            set("{}.feed_forward_length", size(layer.mlp.ff()));
            set("{}.attention.head_count", size(heads));
            set("{}.attention.head_count_kv", size(kv_heads));
            set("{}.attention.key_length", size(head_dim));
            set("{}.attention.value_length", size(head_dim));
            set("{}.rope.dimension_count", size(rope.dim));
            set("{}.rope.freq_base", Value::F32(rope.base as f32));
            if rope.scale != 1.0 {
                set("{}.rope.scaling.type", text("linear"));
                set("{}.rope.scaling.factor", Value::F32(rope.scale as f32));
            }
        }
        set(VERSION_KEY, Value::U32(VERSION));
        set(INPUT, text(if self.input == Input::Hidden { "hidden" } else { "tokens" }));
        let origin = |origin| text(if origin == Origin::Own { "own" } else { "target" });
        set(EMBEDDING, origin(self.embedding));
        set(HEAD, origin(self.head));
        set(TARGET_WIDTH, size(self.target_width));
        set(TARGET_VOCAB, size(c.vocab));
        if let Some(taps) = &self.taps {
            let taps = taps.iter().map(|layer| *layer as u32).collect();
            set(TAPS, Value::Array(Array::U32(taps)));
        }
        if let Some(ids) = &self.ids {
            set(IDS, Value::Array(Array::U32(ids.clone())));
        }
    }

    /// Width of the embedding that it reads.
    pub fn embedding_width(&self) -> usize {
        if self.embedding == Origin::Target { self.target_width } else { self.config.width }
    }

    /// Every tensor that its file has.
    pub fn wanted(&self) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = wanted(&self.config).collect();
        all.retain(|tensor| match tensor.slot.role {
            Role::TokenEmbedding => self.embedding == Origin::Own,
            Role::Output | Role::OutputBias => self.head == Origin::Own,
            _ => true,
        });
        if self.input == Input::Hidden {
            all.extend(wanted_to_fuse(&self.config, self.embedding_width(), self.state_width()));
        }
        all
    }
}

fn one_of<T: Copy, const N: usize>(
    metadata: &Metadata,
    key: &str,
    known: [(&str, T); N],
) -> Result<T, Error> {
    let name = metadata.require_string(key)?;
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.ok_or_else(|| {
        Error::Config(format!("{key} is {name:?}, not one of {:?}", known.map(|(known, _)| known)))
    })
}
