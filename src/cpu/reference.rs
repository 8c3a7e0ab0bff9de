//! The same model in plain float64 loops over dequantized weights: slow, naive and easy to check by eye. Every SIMD and
//! GPU kernel is tested against these. Results are rounded to f32 once an operation, as kernels store them, and sums
//! are f64.

use std::collections::HashMap;

use crate::gguf::{Error, Stream};
use crate::model::{self, Config, Role, RopeStyle, Slot};
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
/// key/value heads): consecutive query heads share a key/value head.
pub fn attention(q: &[f32], k: &[f32], v: &[f32], heads: usize, kv_heads: usize) -> Vec<f32> {
    let dim = q.len() / heads;
    let kv_width = kv_heads * dim;
    let mut out = Vec::with_capacity(q.len());
    for (h, q) in q.chunks_exact(dim).enumerate() {
        let at = h / (heads / kv_heads) * dim;
        let dot = |k: &[f32]| q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
        let scores: Vec<f64> =
            k.chunks_exact(kv_width).map(|k| dot(&k[at..at + dim]) / (dim as f64).sqrt()).collect();
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

/// `gate / (1 + e^-gate) * up`.
pub fn silu_mul(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let value = |g: f64, u: f64| (g / (1.0 + (-g).exp()) * u) as f32;
    gate.iter().zip(up).map(|(g, u)| value(f64::from(*g), f64::from(*u))).collect()
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
            let mut values = vec![0.0; window.rows * tensor.columns()];
            tensor.format.dequantize(window.bytes, &mut values);
            tensors.entry(slot).or_default().extend(values);
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

    /// Logits of every row of `tokens` at positions 0, 1, 2 ..., `head_vocab` values each. Recomputes everything.
    pub fn forward(&self, tokens: &[u32]) -> Vec<f32> {
        let c = &self.config;
        let pairs = c.rope.dim / 2;
        let table = c.rope.table(tokens.len(), self.get(None, Role::RopeFactors));
        let embedding = self.tensor(None, Role::TokenEmbedding);
        let mut hidden: Vec<Vec<f32>> =
            tokens.iter().map(|t| embedding[*t as usize * c.width..][..c.width].to_vec()).collect();
        for layer in (0..c.layers).map(Some) {
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for (position, x) in hidden.iter_mut().enumerate() {
                let table = &table[position * pairs..][..pairs];
                let n = rms_norm(x, self.tensor(layer, Role::AttentionNorm), c.rms_eps);
                let project = |role, bias, norm: Option<Role>| {
                    let mut y = self.linear(layer, role, bias, &n);
                    if let Some(weight) = norm.and_then(|norm| self.get(layer, norm)) {
                        y = y.chunks_exact(c.head_dim).flat_map(|y| rms_norm(y, weight, c.rms_eps)).collect();
                    }
                    y
                };
                let mut q = project(Role::Q, Role::QBias, Some(Role::QNorm));
                let mut k = project(Role::K, Role::KBias, Some(Role::KNorm));
                let v = project(Role::V, Role::VBias, None);
                rope(c.rope.style, table, &mut q, c.head_dim);
                rope(c.rope.style, table, &mut k, c.head_dim);
                keys.extend(k);
                values.extend(v);
                let context = attention(&q, &keys, &values, c.heads, c.kv_heads);
                add(x, &self.linear(layer, Role::AttentionOutput, Role::AttentionOutputBias, &context));
                let n = rms_norm(x, self.tensor(layer, Role::MlpNorm), c.rms_eps);
                let gate = self.linear(layer, Role::Gate, Role::GateBias, &n);
                let up = self.linear(layer, Role::Up, Role::UpBias, &n);
                add(x, &self.linear(layer, Role::Down, Role::DownBias, &silu_mul(&gate, &up)));
            }
        }
        let head = if c.tied { Role::TokenEmbedding } else { Role::Output };
        let norm = self.tensor(None, Role::OutputNorm);
        let logits = |x: &Vec<f32>| self.linear(None, head, Role::OutputBias, &rms_norm(x, norm, c.rms_eps));
        hidden.iter().flat_map(logits).collect()
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
