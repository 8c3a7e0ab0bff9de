//! One llama layer in burn: attention with rope and grouped queries, then a gated SiLU MLP, both pre-norm and residual.
//!
//! A layer can run over the same positions several times (*steps*): the first time fed by the target, then by its own
//! earlier output, as when it drafts on. What step `k` at position `t` sees is what it would see then: the first step's
//! keys up to `t - k`, and of its own chain one key a step, at `t - k + 1 ..= t`.

use burn::module::{Module, Param};
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::weights::{Weights, reorder, transpose};
use crate::model::{Attention, Config, Layer, Plan, Role, Rope};

/// A layer.
#[derive(Module, Debug)]
pub struct Block {
    attention_norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    attention_output: Linear,
    mlp_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// What a layer is made by.
#[derive(Clone, Copy)]
pub(super) struct BlockShape<'a> {
    pub layer: &'a Layer,
    pub rope: &'a Rope,
    /// Of the residual stream.
    pub width: usize,
    pub rms_eps: f32,
}

impl<'a> BlockShape<'a> {
    /// Those of a draft's layers, the first first.
    pub fn all(config: &'a Config) -> impl Iterator<Item = Self> {
        let Config { plan, width, rms_eps, .. } = config;
        plan.layers.iter().map(|layer| {
            let rope = &plan.ropes[layer.attention().rope];
            Self { layer, rope, width: *width, rms_eps: *rms_eps }
        })
    }
}

/// Sizes that a pass of a layer needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub rope_dim: usize,
    /// What scores are multiplied with.
    pub scale: f32,
}

impl Heads {
    /// Of the layers of a plan, which are alike.
    pub fn of(plan: &Plan) -> Self {
        let Attention { heads, kv_heads, head_dim, rope, scale, .. } = *plan.layers[0].attention();
        Self { heads, kv_heads, head_dim, rope_dim: plan.ropes[rope].dim, scale }
    }
}

/// Cosines and sines of positions `0..L`: `[1, 1, L, dim / 2]` each.
#[derive(Debug, Clone)]
pub(super) struct RopeTable {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl RopeTable {
    pub fn new(plan: &Plan, positions: usize, device: &Device) -> Self {
        let rope = &plan.ropes[plan.layers[0].attention().rope];
        let table = rope.table(positions, None);
        let half = rope.dim / 2;
        let tensor = |part: usize| {
            let values: Vec<f32> = table.iter().map(|pair| pair[part]).collect();
            Tensor::from_data(TensorData::new(values, [1, 1, positions, half]), device)
        };
        Self { cos: tensor(0), sin: tensor(1) }
    }

    /// Rotates `x`, `[batch, heads, L, head_dim]`, whose elements are in the order of [`crate::model::RopeStyle::Halves`].
    fn rotate(&self, x: Tensor<4>, rope_dim: usize) -> Tensor<4> {
        let (half, head_dim) = (rope_dim / 2, x.dims()[3]);
        let (a, b) = (x.clone().narrow(3, 0, half), x.clone().narrow(3, half, half));
        let first = a.clone() * self.cos.clone() - b.clone() * self.sin.clone();
        let second = a * self.sin.clone() + b * self.cos.clone();
        let mut parts = vec![first, second];
        if rope_dim < head_dim {
            parts.push(x.narrow(3, rope_dim, head_dim - rope_dim));
        }
        Tensor::cat(parts, 3)
    }
}

/// Keys and values of each step so far: `[batch, kv_heads, L, head_dim]`.
#[derive(Debug, Default)]
pub(super) struct Past(Vec<(Tensor<4>, Tensor<4>)>);

fn linear(weights: &[f32], columns: usize, device: &Device) -> Linear {
    let data = TensorData::new(transpose(weights, columns), [columns, weights.len() / columns]);
    Linear { weight: Param::from_data(data, device), bias: None }
}

/// A norm with these weights.
pub(super) fn norm(weights: &[f32], eps: f32, device: &Device) -> RmsNorm {
    let gamma = Param::from_data(TensorData::new(weights.to_vec(), [weights.len()]), device);
    RmsNorm { gamma, epsilon: f64::from(eps) }
}

/// The values of a parameter.
pub(super) fn values<const D: usize>(parameter: &Param<Tensor<D>>) -> Vec<f32> {
    let data = parameter.val().into_data().convert::<f32>();
    data.try_into_vec().unwrap_or_default()
}

impl Block {
    /// The layer `layer` of `weights`, as `shape` says; `None` where a tensor is missing.
    pub(super) fn new(
        shape: &BlockShape<'_>,
        weights: &Weights,
        layer: usize,
        device: &Device,
    ) -> Option<Self> {
        let &BlockShape { layer: plan, rope, width, rms_eps } = shape;
        let get = |role| weights.get(Some(layer), role);
        let attention = plan.attention();
        let rotated = |role, heads| Some(reorder(rope, attention.head_dim, heads, get(role)?, true));
        Some(Self {
            attention_norm: norm(get(Role::AttentionNorm)?, rms_eps, device),
            q: linear(&rotated(Role::Q, attention.heads)?, width, device),
            k: linear(&rotated(Role::K, attention.kv_heads)?, width, device),
            v: linear(get(Role::V)?, width, device),
            attention_output: linear(get(Role::AttentionOutput)?, attention.q_width(), device),
            mlp_norm: norm(get(Role::MlpNorm)?, rms_eps, device),
            gate: linear(get(Role::Gate)?, width, device),
            up: linear(get(Role::Up)?, width, device),
            down: linear(get(Role::Down)?, plan.mlp.ff(), device),
        })
    }

    /// Puts the layer's weights into `weights`.
    pub(super) fn export(&self, shape: &BlockShape<'_>, layer: usize, weights: &mut Weights) {
        let mut set = |role, values| weights.set(Some(layer), role, values);
        let attention = shape.layer.attention();
        let matrix = |linear: &Linear| transpose(&values(&linear.weight), linear.weight.dims()[1]);
        let rotated = |linear, heads| reorder(shape.rope, attention.head_dim, heads, &matrix(linear), false);
        set(Role::AttentionNorm, values(&self.attention_norm.gamma));
        set(Role::Q, rotated(&self.q, attention.heads));
        set(Role::K, rotated(&self.k, attention.kv_heads));
        set(Role::V, matrix(&self.v));
        set(Role::AttentionOutput, matrix(&self.attention_output));
        set(Role::MlpNorm, values(&self.mlp_norm.gamma));
        set(Role::Gate, matrix(&self.gate));
        set(Role::Up, matrix(&self.up));
        set(Role::Down, matrix(&self.down));
    }

    /// The next step over `x`, `[batch, L, width]`.
    pub(super) fn forward(&self, x: Tensor<3>, sizes: Heads, rope: &RopeTable, past: &mut Past) -> Tensor<3> {
        let context = self.context(x.clone(), sizes, rope, past);
        let x = self.after_attention(x, context);
        let inner = self.inner(x.clone());
        x + self.down.forward(inner)
    }

    /// What the attention's output projection reads.
    pub(super) fn context(&self, x: Tensor<3>, sizes: Heads, rope: &RopeTable, past: &mut Past) -> Tensor<3> {
        self.attend(self.attention_norm.forward(x), sizes, rope, past)
    }

    /// The residual stream after attention whose output projection read `context`.
    pub(super) fn after_attention(&self, x: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        x + self.attention_output.forward(context)
    }

    /// What the MLP's down projection reads.
    pub(super) fn inner(&self, x: Tensor<3>) -> Tensor<3> {
        let normed = self.mlp_norm.forward(x);
        activation::silu(self.gate.forward(normed.clone())) * self.up.forward(normed)
    }

    fn attend(&self, normed: Tensor<3>, sizes: Heads, rope: &RopeTable, past: &mut Past) -> Tensor<3> {
        let [batch, length, _] = normed.dims();
        let Heads { heads, kv_heads, head_dim, rope_dim, scale } = sizes;
        let group = heads / kv_heads;
        let split = |x: Tensor<3>, heads: usize| x.reshape([batch, length, heads, head_dim]).swap_dims(1, 2);
        let q = rope.rotate(split(self.q.forward(normed.clone()), heads), rope_dim);
        let k = rope.rotate(split(self.k.forward(normed.clone()), kv_heads), rope_dim);
        let v = split(self.v.forward(normed), kv_heads);
        past.0.push((k, v));

        // Query heads that share a key/value head stand one below the other.
        let q = q.reshape([batch, kv_heads, group * length, head_dim]) * scale;
        let (first_k, first_v) = past.0[0].clone();
        let scores = q.clone().matmul(first_k.swap_dims(2, 3));
        let step = past.0.len() - 1;
        let scores = scores + mask(group, length, step, &q.device());
        if step == 0 {
            let context = activation::softmax(scores, 3).matmul(first_v);
            return merge(context, [batch, length, heads, head_dim]);
        }

        // Of the chain that ends here, `back` steps ago at `t - back`.
        let chain: Vec<(Tensor<4>, Tensor<4>)> = (0..step)
            .map(|back| {
                let (k, v) = past.0[step - back].clone();
                (shift(k, back).repeat_dim(2, group), shift(v, back).repeat_dim(2, group))
            })
            .collect();
        let mut all = vec![scores];
        all.extend(chain.iter().map(|(k, _)| (q.clone() * k.clone()).sum_dim(3)));
        let p = activation::softmax(Tensor::cat(all, 3), 3);
        let mut context = p.clone().narrow(3, 0, length).matmul(first_v);
        for (back, (_, v)) in chain.into_iter().enumerate() {
            context = context + p.clone().narrow(3, length + back, 1) * v;
        }
        merge(context, [batch, length, heads, head_dim])
    }
}

/// Back to `[batch, L, heads * head_dim]`.
fn merge(context: Tensor<4>, [batch, length, heads, head_dim]: [usize; 4]) -> Tensor<3> {
    let context = context.reshape([batch, heads, length, head_dim]).swap_dims(1, 2);
    context.reshape([batch, length, heads * head_dim])
}

/// Moves `x` by `back` positions: position `t` gets what `t - back` had.
fn shift(x: Tensor<4>, back: usize) -> Tensor<4> {
    let [batch, heads, length, dim] = x.dims();
    if back == 0 {
        return x;
    }
    let before = Tensor::zeros([batch, heads, back.min(length), dim], &x.device());
    Tensor::cat(vec![before, x.narrow(2, 0, length.saturating_sub(back))], 2)
}

/// Minus infinity (almost) where position `t` may not see the first step's key at `p`: where `p > t - step`. `[1, 1,
/// group * L, L]`.
fn mask(group: usize, length: usize, step: usize, device: &Device) -> Tensor<4> {
    const NEVER: f32 = -1e9;
    let row = |t: usize| (0..length).map(move |p| if p + step > t { NEVER } else { 0.0 });
    let values: Vec<f32> = (0..group).flat_map(|_| (0..length).flat_map(row)).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, group * length, length]), device)
}
