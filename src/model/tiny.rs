//! Models made of random weights for tests and benches: complete GGUF files of any family, shape and format, with a
//! tokenizer and a chat template, in a few kilobytes. What they say is noise, but always the same noise.

use super::draft::{Draft, Input, Origin};
use super::family::Family;
use super::slots::{Wanted, wanted};
use super::{Config, Role};
use crate::gguf::{Array, Format, Metadata, Value, Writer};

/// A model to be made. Start from [`Tiny::default`] and change what the test is about.
///
/// A tensor's numbers depend on `seed`, its name and its size alone: a model of fewer layers has the same weights in
/// those it has, so it makes a draft that sometimes agrees with the deeper model.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiny {
    /// A name in [`FAMILIES`](super::family::FAMILIES).
    pub family: &'static str,
    /// Transformer layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Elements of a head that rope rotates; `None` for all.
    pub rope_dim: Option<usize>,
    /// Positions are divided by this (linear rope scaling).
    pub rope_scale: f32,
    /// Whether its rope has factors: llama 3's `rope_freqs.weight`, or those of its family.
    pub rope_factors: bool,
    /// Inner width of the MLP.
    pub ff: usize,
    /// Token ids that the model reads. [`Tiny::MIN_VOCAB`] make a tokenizer that encodes any text.
    pub vocab: usize,
    /// Token ids that it predicts, where it is not tied: at most `vocab`.
    pub head_vocab: usize,
    /// Context length that the file claims.
    pub context: usize,
    /// Whether the output head is the token embedding.
    pub tied: bool,
    /// Format of every matrix. Rows (`width`, `heads * head_dim` and `ff` long) must be whole blocks of it.
    pub format: Format,
    /// Formats of single roles, instead of `format`, or of F32 for norms and biases.
    pub formats: Vec<(Role, Format)>,
    /// Biases that the file has beyond those of its family.
    pub biases: Vec<Role>,
    /// Another seed, other weights.
    pub seed: u64,
}

/// What a draft of [`Tiny::draft_gguf`] reads and has of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftParts {
    /// What it reads.
    pub input: Input,
    /// Whose embedding.
    pub embedding: Origin,
    /// Whose head.
    pub head: Origin,
    /// The ids that it says; `None` for all.
    pub ids: Option<Vec<u32>>,
    /// The target's layers whose states it reads; `None` for the last.
    pub taps: Option<Vec<usize>>,
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            family: "llama",
            layers: 2,
            width: 64,
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            rope_dim: None,
            rope_scale: 1.0,
            rope_factors: false,
            ff: 96,
            vocab: 288,
            head_vocab: 288,
            context: 512,
            tied: true,
            format: Format::Q4_1,
            formats: Vec::new(),
            biases: Vec::new(),
            seed: 1,
        }
    }
}

/// Ids 0 to 2: padding and unknown; and the two that frame a chat's turns.
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// The first merges of SmolLM2's tokenizer, and a few that make whole words.
const MERGES: [&str; 14] =
    ["Ġ t", "Ġ a", "i n", "h e", "Ġ Ġ", "r e", "o n", "e r", "Ġt he", "a t", "e l", "l o", "Ġ w", "o r"];

const CHAT_TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + \
    message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}\
    {{ '<|im_start|>assistant\n' }}{% endif %}";

/// Every bias that a model can have.
pub const BIASES: [Role; 8] = [
    Role::QBias,
    Role::KBias,
    Role::VBias,
    Role::AttentionOutputBias,
    Role::GateBias,
    Role::UpBias,
    Role::DownBias,
    Role::OutputBias,
];

impl Tiny {
    /// Special tokens and one token a byte.
    pub const MIN_VOCAB: usize = SPECIAL.len() + 256;

    /// The whole file.
    ///
    /// # Panics
    /// When the family has no line in the table, or a row is not whole blocks of its format.
    pub fn gguf(&self) -> Vec<u8> {
        self.writer().finish()
    }

    /// The same model split over `count` files of about as many tensors each.
    ///
    /// # Panics
    /// As [`Tiny::gguf`].
    pub fn shards(&self, count: usize) -> Vec<Vec<u8>> {
        self.writer().finish_evenly(count)
    }

    /// The whole file, not yet put together.
    ///
    /// # Panics
    /// As [`Tiny::gguf`].
    pub fn writer(&self) -> Writer {
        let config = self.config();
        let mut writer = Writer::default();
        writer.metadata = self.metadata();
        for Wanted { slot, name, shape, needed } in wanted(&config) {
            let factors = self.rope_factors && slot.role.is_rope_factor();
            if needed || factors || self.biases.contains(&slot.role) {
                let format = self.format_of(slot.role, &shape);
                let values = self.values(&name, slot.role, &shape);
                writer.tensor_f32(name, &shape, format, &values);
            }
        }
        writer
    }

    /// The whole file of a draft of the format of [`super::draft`]: these layers, for `target`.
    ///
    /// # Panics
    /// As [`Tiny::gguf`].
    pub fn draft_gguf(&self, target: &Self, parts: &DraftParts) -> Vec<u8> {
        let DraftParts { input, embedding, head, ids, taps } = parts.clone();
        let head_vocab = ids.as_ref().map_or(target.config().head_vocab, Vec::len);
        let config = Config { vocab: target.vocab, head_vocab, tied: false, ..self.config() };
        let (target_width, slots) = (target.width, Vec::new());
        let draft = Draft { config, input, embedding, head, ids, target_width, taps, slots };
        let mut writer = Writer::default();
        draft.write(&mut writer.metadata);
        let metadata = target.metadata();
        writer.metadata.0.extend(metadata.0.into_iter().filter(|(key, _)| key.starts_with("tokenizer.")));
        for Wanted { slot, name, shape, needed } in draft.wanted() {
            if needed {
                let format = self.format_of(slot.role, &shape);
                let mut values = self.values(&name, slot.role, &shape);
                if slot.role == Role::Fuse {
                    // Mostly the embedding, so that the layers read something like what they read in the target.
                    values.iter_mut().for_each(|v| *v *= 0.2);
                    (0..shape[1]).for_each(|row| values[row * shape[0] + row % shape[0]] += 1.0);
                }
                writer.tensor_f32(name, &shape, format, &values);
            }
        }
        writer.finish()
    }

    /// The configuration that reading the file gives.
    ///
    /// # Panics
    /// When the family has no line in the table, or the shape contradicts itself.
    pub fn config(&self) -> Config {
        let head = if self.tied { None } else { Some(self.head_vocab) };
        match Config::read(&self.metadata(), self.family(), self.family, self.vocab, head) {
            Ok(config) => config,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    fn family(&self) -> &'static Family {
        Family::by_name(self.family).unwrap_or_else(|| panic!("{} is not a family", self.family))
    }

    fn format_of(&self, role: Role, shape: &[usize]) -> Format {
        let own = self.formats.iter().find(|(r, _)| *r == role).map(|(_, format)| *format);
        own.unwrap_or(if shape.len() == 1 { Format::F32 } else { self.format })
    }

    /// Matrices have the variance `1 / columns`, so that signals keep their size; norms are near 1.
    fn values(&self, name: &str, role: Role, shape: &[usize]) -> Vec<f32> {
        let (middle, spread) = match role {
            role if role.is_rope_factor() => (2.5, 1.5),
            role if role.is_bias() => (0.0, 0.3),
            _ if shape.len() == 1 => (1.0, 0.2),
            _ => (0.0, (3.0 / shape[0] as f32).sqrt()),
        };
        let mut random = Random::new(self.seed, name);
        (0..shape.iter().product()).map(|_| middle + spread * random.signed()).collect()
    }

    fn metadata(&self) -> Metadata {
        let mut all = Metadata::default();
        let mut set = |key: &str, value| all.set(key.replace("{}", self.family), value);
        let size = |n: usize| Value::U32(n as u32);
        let text = |s: &str| Value::String(s.into());
        set("general.architecture", text(self.family));
        set("general.name", text("tiny"));
        set("{}.block_count", size(self.layers));
        set("{}.context_length", size(self.context));
        set("{}.embedding_length", size(self.width));
        set("{}.feed_forward_length", size(self.ff));
        set("{}.attention.head_count", size(self.heads));
        set("{}.attention.head_count_kv", size(self.kv_heads));
        set("{}.attention.key_length", size(self.head_dim));
        set("{}.attention.value_length", size(self.head_dim));
        set("{}.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
        set("{}.rope.dimension_count", size(self.rope_dim.unwrap_or(self.head_dim)));
        set("{}.rope.freq_base", Value::F32(10_000.0));
        if self.rope_scale != 1.0 {
            set("{}.rope.scaling.type", text("linear"));
            set("{}.rope.scaling.factor", Value::F32(self.rope_scale));
        }
        set("{}.vocab_size", size(self.vocab));
        for (key, number) in self.family().example {
            let value = if number.fract() == 0.0 { size(*number as usize) } else { Value::F32(*number) };
            set(&format!("{{}}.{key}"), value);
        }

        let (tokens, merges) = tokens(self.vocab);
        let types = (0..self.vocab).map(|id| if id < SPECIAL.len() { 3 } else { 1 }).collect();
        set("tokenizer.ggml.model", text("gpt2"));
        set("tokenizer.ggml.pre", text("smollm"));
        set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
        set("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
        set("tokenizer.ggml.merges", Value::Array(Array::String(merges)));
        set("tokenizer.ggml.bos_token_id", Value::U32(1));
        set("tokenizer.ggml.eos_token_id", Value::U32(2));
        set("tokenizer.ggml.unknown_token_id", Value::U32(0));
        set("tokenizer.ggml.padding_token_id", Value::U32(0));
        set("tokenizer.ggml.add_bos_token", Value::Bool(false));
        set("tokenizer.ggml.add_space_prefix", Value::Bool(false));
        set("tokenizer.chat_template", text(CHAT_TEMPLATE));
        all
    }
}

/// `vocab` tokens: the special ones, the bytes, what [`MERGES`] make, then some that no text gives. And the merges
/// whose results are among them.
fn tokens(vocab: usize) -> (Vec<String>, Vec<String>) {
    let room = vocab.saturating_sub(Tiny::MIN_VOCAB);
    let merges: Vec<String> = MERGES.iter().take(room).map(ToString::to_string).collect();
    let special = SPECIAL.iter().map(ToString::to_string);
    let bytes = (0..=255).map(|byte| byte_char(byte).to_string());
    let merged = merges.iter().map(|m| m.replace(' ', ""));
    let unused = (0..).map(|i| format!("Ġunused{i}"));
    (special.chain(bytes).chain(merged).chain(unused).take(vocab).collect(), merges)
}

/// GPT-2's printable character for a byte: itself where Latin-1 prints it, otherwise the next above U+00FF.
fn byte_char(byte: u8) -> char {
    let prints = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if prints(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !prints(*b)).count();
    char::from_u32(256 + before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// SplitMix64 (doi 10.1145/2714064.2660195).
struct Random(u64);

impl Random {
    fn new(seed: u64, name: &str) -> Self {
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix))
    }

    /// A number in -1..1.
    fn signed(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests;
