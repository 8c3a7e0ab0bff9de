//! The same model in plain float64 loops over dequantized weights: slow, naive and easy to check by eye. Every SIMD and
//! GPU kernel is tested against these. Results are rounded to f32 once an operation, as kernels store them, and sums
//! are f64.

use std::collections::HashMap;

use crate::gguf::{Error, Stream};
use crate::model::{self, Activation, Attention, Config, Layer, Mlp, Norms, Role, RopeStyle, Slot};
use crate::source::ByteSource;

/// `x / sqrt(mean(x^2) + eps) * weight` of one row.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
    let factor = 1.0 / (mean + f64::from(eps)).sqrt();
    x.iter().zip(weight).map(|(x, w)| (f64::from(*x) * factor * f64::from(*w)) as f32).collect()
}

/// `out[n] = sum over k of weights[n][k] * x[k]`, one row; `weights` is row-major with `x.len()` columns.
pub fn matvec(weights: &[f32], x: &[f32]) -> Vec<f32> {
    let dot = |w: &[f32]| w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>() as f32;
    weights.chunks_exact(x.len()).map(dot).collect()
}

/// Rotates every head of one position in place; `table` is the position's `[cos, sin]` pairs.
pub fn rope(style: RopeStyle, table: &[[f32; 2]], x: &mut [f32], head_dim: usize) {
    for head in x.chunks_exact_mut(head_dim) {
        for (i, [cos, sin]) in table.iter().enumerate() {
            let (first, second) = match style {
                RopeStyle::Interleaved => (2 * i, 2 * i + 1),
                RopeStyle::Halves => (i, i + table.len()),
            };
            let (a, b) = (f64::from(head[first]), f64::from(head[second]));
            let (cos, sin) = (f64::from(*cos), f64::from(*sin));
            head[first] = (a * cos - b * sin) as f32;
            head[second] = (a * sin + b * cos) as f32;
        }
    }
}

/// Attention of one row of `q` (all query heads) over positions whose keys and values are the rows of `k` and `v` (all
/// key/value heads): consecutive query heads share a key/value head. The row stands at the last of the positions.
pub fn attention(q: &[f32], k: &[f32], v: &[f32], attention: &Attention) -> Vec<f32> {
    let &Attention { heads, kv_heads, head_dim: dim, window, softcap, scale, .. } = attention;
    let kv_width = kv_heads * dim;
    let hidden = window.map_or(0, |window| (k.len() / kv_width).saturating_sub(window));
    let (k, v) = (&k[hidden * kv_width..], &v[hidden * kv_width..]);
    let capped = |s: f64| softcap.map_or(s, |cap| f64::from(cap) * (s / f64::from(cap)).tanh());
    let mut out = Vec::with_capacity(q.len());
    for (h, q) in q.chunks_exact(dim).enumerate() {
        let at = h / (heads / kv_heads) * dim;
        let dot = |k: &[f32]| q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
        let scores: Vec<f64> =
            k.chunks_exact(kv_width).map(|k| capped(dot(&k[at..at + dim]) * f64::from(scale))).collect();
        let p = softmax(&scores);
        for d in at..at + dim {
            let sum: f64 = p.iter().zip(v.chunks_exact(kv_width)).map(|(p, v)| p * f64::from(v[d])).sum();
            out.push(sum as f32);
        }
    }
    out
}

/// `e^x / sum of e^x`.
pub fn softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|x| (x - max).exp()).sum();
    x.iter().map(|x| (x - max).exp() / sum).collect()
}

/// `activation(gate) * up`.
pub fn gated(activation: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    let activated = |x: f64| match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Gelu => {
            x / 2.0 * (1.0 + (std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044715 * x.powi(3))).tanh())
        }
    };
    gate.iter().zip(up).map(|(g, u)| (activated(f64::from(*g)) * f64::from(*u)) as f32).collect()
}

/// A model's weights, dequantized.
pub struct Model {
    config: Config,
    tensors: HashMap<Slot, Vec<f32>>,
}

impl Model {
    /// Loads and dequantizes all tensors.
    pub async fn load<S: ByteSource>(
        stream: &mut Stream<S>,
        description: &model::Model,
    ) -> Result<Self, Error> {
        let table = stream.header().tensors.clone();
        let mut tensors = HashMap::<Slot, Vec<f32>>::new();
        while let Some(window) = stream.next_window().await? {
            let tensor = &table[window.tensor];
            let Some(slot) = description.slots[window.tensor] else { continue };
            let columns = tensor.columns();
            let mut values = vec![0.0; window.rows * columns];
            tensor.format.dequantize(window.bytes, &mut values);
            let rows = (window.first_row..).zip(values.chunks_exact(columns));
            let parts = model::parts(&description.config, slot, tensor);
            for (row, values) in rows {
                let part = parts.iter().find(|(_, rows)| rows.contains(&row));
                if let Some((slot, _)) = part {
                    tensors.entry(*slot).or_default().extend(values);
                }
            }
        }
        Ok(Self { config: description.config.clone(), tensors })
    }

    fn get(&self, layer: Option<usize>, role: Role) -> Option<&[f32]> {
        self.tensors.get(&Slot { layer, role }).map(Vec::as_slice)
    }

    /// A tensor of the model.
    ///
    /// # Panics
    /// When the model has none for the slot.
    pub fn tensor(&self, layer: Option<usize>, role: Role) -> &[f32] {
        match self.get(layer, role) {
            Some(tensor) => tensor,
            None => panic!("the model has no {role:?} in layer {layer:?}"),
        }
    }

    /// Logits of every row of `tokens` at positions 0, 1, 2 ..., `head_vocab` values each, with rope for a cache of
    /// `capacity` positions. Recomputes everything.
    pub fn forward(&self, tokens: &[u32], capacity: usize) -> Vec<f32> {
        let c = &self.config;
        let table = |rope: &model::Rope| {
            let factors = rope.factors.role(capacity).and_then(|role| self.get(None, role));
            rope.table(tokens.len(), factors)
        };
        let tables: Vec<_> = c.plan.ropes.iter().map(table).collect();
        let embedding = self.tensor(None, Role::TokenEmbedding);
        let embed = |t: &u32| {
            let row = embedding[*t as usize * c.width..][..c.width].iter();
            row.map(|x| x * c.plan.embedding_scale).collect()
        };
        let mut hidden: Vec<Vec<f32>> = tokens.iter().map(embed).collect();
        for (index, layer) in c.plan.layers.iter().enumerate() {
            let table = &tables[layer.attention().rope];
            self.layer(index, layer, table, &mut hidden);
        }
        let head = if c.tied { Role::TokenEmbedding } else { Role::Output };
        let norm = self.tensor(None, Role::OutputNorm);
        let capped = |logit: f32| match c.plan.logit_softcap.map(f64::from) {
            Some(cap) => (cap * (f64::from(logit) / cap).tanh()) as f32,
            None => logit,
        };
        let logits = |x: &Vec<f32>| {
            let logits = self.linear(None, head, Role::OutputBias, &rms_norm(x, norm, c.rms_eps));
            logits.into_iter().map(capped).collect::<Vec<_>>()
        };
        hidden.iter().flat_map(logits).collect()
    }

    /// Takes the residual stream of all positions through a layer.
    fn layer(&self, index: usize, plan: &Layer, table: &[[f32; 2]], hidden: &mut [Vec<f32>]) {
        let (c, layer, attends) = (&self.config, Some(index), plan.attention());
        let rope_of = &c.plan.ropes[attends.rope];
        let Mlp::Gated { activation, .. } = plan.mlp;
        let after = |role, y: Vec<f32>| match plan.norms {
            Norms::Before => y,
            Norms::BeforeAndAfter => rms_norm(&y, self.tensor(layer, role), c.rms_eps),
        };
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (x, table) in hidden.iter_mut().zip(table.chunks_exact(rope_of.dim / 2)) {
            let n = rms_norm(x, self.tensor(layer, Role::AttentionNorm), c.rms_eps);
            let project = |role, bias, norm: Option<Role>| {
                let y = self.linear(layer, role, bias, &n);
                let Some(norm) = norm.filter(|_| attends.qk_norm) else { return y };
                let weight = self.tensor(layer, norm);
                y.chunks_exact(attends.head_dim).flat_map(|y| rms_norm(y, weight, c.rms_eps)).collect()
            };
            let mut q = project(Role::Q, Role::QBias, Some(Role::QNorm));
            let mut k = project(Role::K, Role::KBias, Some(Role::KNorm));
            let v = project(Role::V, Role::VBias, None);
            rope(rope_of.style, table, &mut q, attends.head_dim);
            rope(rope_of.style, table, &mut k, attends.head_dim);
            keys.extend(k);
            values.extend(v);
            let context = attention(&q, &keys, &values, attends);
            let y = self.linear(layer, Role::AttentionOutput, Role::AttentionOutputBias, &context);
            add(x, &after(Role::AttentionPostNorm, y));
            let n = rms_norm(x, self.tensor(layer, Role::MlpNorm), c.rms_eps);
            let gate = self.linear(layer, Role::Gate, Role::GateBias, &n);
            let up = self.linear(layer, Role::Up, Role::UpBias, &n);
            let y = self.linear(layer, Role::Down, Role::DownBias, &gated(activation, &gate, &up));
            add(x, &after(Role::MlpPostNorm, y));
        }
    }

    /// `weight * x + bias`, where the model has a bias there.
    fn linear(&self, layer: Option<usize>, weight: Role, bias: Role, x: &[f32]) -> Vec<f32> {
        let mut y = matvec(self.tensor(layer, weight), x);
        add(&mut y, self.get(layer, bias).unwrap_or_default());
        y
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}
