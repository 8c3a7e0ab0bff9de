// rope: splits a row of q|k|v, normalizes the heads of q and k (qwen3), rotates them, writes q to its own buffer and k and v to
// the cache (heads.wgsl). One invocation for a pair of elements.
//
// qkv: [M, (heads + 2 kv_heads) * head_dim].
// Dispatch: (ceil((heads + 2 kv_heads) * head_dim / 2 / 64), M), workgroup 64.
{% include "pass.wgsl" %}
{% include "heads.wgsl" %}
struct Shape {
  qkv_stride: u32,
  epsilon: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
{%- if qk_norm %}
@group(0) @binding(6) var<storage, read> gains: array<f32>; // head_dim for q, head_dim for k

fn norm_scale(start: u32) -> f32 {
  var square = 0.0;
  for (var i = 0u; i < HEAD_DIM; i++) { square = fma(qkv[start + i], qkv[start + i], square); }
  return inverseSqrt(square / f32(HEAD_DIM) + shape.epsilon);
}
{%- endif %}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let slot = id.x / PAIRS;
  let pair = id.x % PAIRS;
  let m = id.y;
  if (m >= live() || slot >= heads.heads + 2u * heads.kv_heads) { return; }
  let start = m * shape.qkv_stride + slot * HEAD_DIM;
  let at = elements(slot, pair);
  var value = vec2<f32>(qkv[start + at.x], qkv[start + at.y]);
{%- if qk_norm %}
  if (slot < heads.heads + heads.kv_heads) {
    let gain = select(HEAD_DIM, 0u, slot < heads.heads);
    value *= norm_scale(start) * vec2<f32>(gains[gain + at.x], gains[gain + at.y]);
  }
{%- endif %}
  leave(m, slot, pair, value);
}
