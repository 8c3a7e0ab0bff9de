//! What a file may ask for that we do not compute. A key of this list that has not its neutral value would change the
//! text, so the file is refused; a key that is in no list here changes nothing in these families.
//!
//! The keys are those of llama.cpp's `llama-arch.cpp`; neutral are the values with which it computes nothing.

use super::family::Family;
use super::keys::Keys;
use super::{Error, Layer, Mlp, Plan};
use crate::gguf::{Array, Value};

/// A key, when it says nothing, and what it says otherwise.
struct Feature {
    /// After the architecture's name.
    key: &'static str,
    neutral: fn(f64, &Model) -> bool,
    means: &'static str,
}

/// What neutral values depend on.
struct Model {
    scale: f32,
    context: usize,
    /// Whether llama.cpp itself saved the file (`llama_model_save_to_file`), every field with its default.
    saved: bool,
}

#[rustfmt::skip]
static FEATURES: [Feature; 24] = [
    Feature { key: "attention.causal", neutral: one, means: "attention to what comes later" },
    Feature { key: "attention.clamp_kqv", neutral: |v, _| v <= 0.0, means: "clamped queries, keys and values" },
    Feature { key: "attention.max_alibi_bias", neutral: zero, means: "ALiBi" },
    Feature { key: "attention.output_scale", neutral: zero_or_one, means: "a scale of the attention's output" },
    Feature { key: "attention.scale", neutral: |v, m| v == 0.0 || is_usual_scale(v, m), means: "another scale of attention than one by the square root of a head's width" },
    Feature { key: "attention.shared_kv_layers", neutral: zero, means: "layers that share keys and values" },
    Feature { key: "attention.sliding_window", neutral: |v, m| v == 0.0 || v >= m.context as f64, means: "attention to a window that is shorter than the context" },
    Feature { key: "attention.temperature_scale", neutral: zero, means: "attention whose temperature grows with the position" },
    Feature { key: "attention.value_scale", neutral: zero_or_one, means: "a scale of values" },
    Feature { key: "attn_logit_softcapping", neutral: |v, m| v == 0.0 || m.saved && v == 50.0, means: "capped attention scores" },
    Feature { key: "embedding_scale", neutral: zero_or_one, means: "a scale of embeddings" },
    Feature { key: "final_logit_softcapping", neutral: |v, m| v == 0.0 || m.saved && v == 30.0, means: "capped logits" },
    Feature { key: "logit_scale", neutral: zero_or_one, means: "a scale of logits" },
    Feature { key: "nextn_predict_layers", neutral: zero, means: "layers that predict several tokens" },
    Feature { key: "pooling_type", neutral: |v, _| [0.0, -1.0, f64::from(u32::MAX)].contains(&v), means: "a model that makes embeddings and no text" },
    Feature { key: "residual_scale", neutral: zero_or_one, means: "a scale of what each layer adds" },
    Feature { key: "rope.dimension_sections", neutral: zero, means: "positions of several dimensions" },
    Feature { key: "rope.scaling.alpha", neutral: zero, means: "another rope scaling than the linear one" },
    Feature { key: "rope.scaling.attn_factor", neutral: one, means: "another rope scaling than the linear one" },
    Feature { key: "rope.scaling.yarn_attn_factor", neutral: one, means: "another rope scaling than the linear one" },
    Feature { key: "rope.scaling.yarn_ext_factor", neutral: |v, _| v == 0.0 || v == -1.0, means: "another rope scaling than the linear one" },
    Feature { key: "rope.scaling.yarn_log_multiplier", neutral: zero, means: "another rope scaling than the linear one" },
    Feature { key: "swin_norm", neutral: zero, means: "another order of norms" },
    Feature { key: "use_parallel_residual", neutral: zero, means: "attention and MLP side by side" },
];

fn zero(value: f64, _: &Model) -> bool {
    value == 0.0
}

fn one(value: f64, _: &Model) -> bool {
    value == 1.0
}

fn zero_or_one(value: f64, _: &Model) -> bool {
    value == 0.0 || value == 1.0
}

fn is_usual_scale(value: f64, model: &Model) -> bool {
    (value / f64::from(model.scale) - 1.0).abs() < 1e-4
}

/// Checks the keys of a model of `family` that computes what `plan` says, for contexts of `context` tokens.
pub(super) fn check(keys: Keys<'_>, family: &Family, plan: &Plan, context: usize) -> Result<(), Error> {
    let metadata = keys.metadata;
    let Some(layer) = plan.layers.first() else { return Ok(()) };
    let saved = metadata.get(&keys.name("router_logit_softcapping")).is_some();
    let model = Model { scale: layer.attention().scale, context, saved };
    for Feature { key, neutral, means } in &FEATURES {
        if family.computes.contains(key) {
            continue;
        }
        let key = keys.name(key);
        let values = match metadata.get(&key) {
            None => continue,
            Some(Value::Array(array)) => array.convert(number),
            Some(value) => number(value).map(|value| vec![value]),
        };
        let neutral = values.is_some_and(|values| values.iter().all(|value| neutral(*value, &model)));
        if !neutral {
            let value = metadata.get(&key).map_or_else(String::new, shown);
            return Err(Error::Feature { key, value, means });
        }
    }
    check_activation(keys, layer)
}

fn check_activation(keys: Keys<'_>, layer: &Layer) -> Result<(), Error> {
    let Mlp::Gated { activation, .. } = layer.mlp;
    let key = keys.name("hidden_activation");
    match keys.metadata.optional_string(&key)? {
        Some(value) if !activation.names().contains(&value) => {
            Err(Error::Feature { key, value: value.into(), means: activation.label() })
        }
        _ => Ok(()),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_bool().filter(|_| matches!(value, Value::Bool(_))).map(f64::from).or_else(|| value.as_float())
}

fn shown(value: &Value) -> String {
    match (number(value), value) {
        (Some(number), Value::Bool(_)) => (number == 1.0).to_string(),
        (Some(number), _) => number.to_string(),
        (None, Value::Array(array)) => shown_array(array),
        (None, _) => value.to_string(),
    }
}

fn shown_array(array: &Array) -> String {
    array.convert(number).map_or_else(|| "an array".into(), |values| format!("{values:?}"))
}
