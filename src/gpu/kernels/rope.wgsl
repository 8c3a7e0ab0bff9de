// rope: splits a row of q|k|v, normalizes the heads of q and k (qwen3), rotates them, writes q to its own buffer
// and k and v to the cache. One invocation for a pair of elements.
//
// qkv: [M, (heads + 2 kv_heads) * head_dim]; q: [M, heads * head_dim], the elements of a head pair by pair, as those of keys in
// the cache.
// Dispatch: (ceil((heads + 2 kv_heads) * head_dim / 2 / 64), M), workgroup 64.
{% include "pass.wgsl" %}
{% include "cache.wgsl" %}
struct Shape {
  heads: u32,
  kv_heads: u32,
  rope_pairs: u32, // rotated pairs of a head
  qkv_stride: u32,
  q_stride: u32,
  epsilon: f32,
}
const PAIRS = 2u * QUADS; // of a head
const HEAD_DIM = 4u * QUADS;
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read_write> q: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache: array<{{ "u32" if half else "f32" }}>;
@group(0) @binding(5) var<storage, read> rotation: array<vec2<f32>>; // [position, pair]: cos, sin
{% if qk_norm -%}
@group(0) @binding(6) var<storage, read> gains: array<f32>; // head_dim for q, head_dim for k

fn norm_scale(start: u32) -> f32 {
  var square = 0.0;
  for (var i = 0u; i < HEAD_DIM; i++) { square = fma(qkv[start + i], qkv[start + i], square); }
  return inverseSqrt(square / f32(HEAD_DIM) + shape.epsilon);
}
{% endif %}
// Elements 2 pair and 2 pair + 1 of a head whose quads are `stride` apart from `at` on.
fn write(at: u32, stride: u32, pair: u32, value: vec2<f32>) {
{%- if half %}
  cache[(at + pair / 2u * stride) * 2u + pair % 2u] = pack2x16float(value);
{%- else %}
  let to = (at + pair / 2u * stride) * 4u + 2u * (pair % 2u);
  cache[to] = value.x;
  cache[to + 1u] = value.y;
{%- endif %}
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let slot = id.x / PAIRS;
  let pair = id.x % PAIRS;
  let m = id.y;
  let position = position(m);
  if (idle() || slot >= shape.heads + 2u * shape.kv_heads || position >= pass_.capacity) { return; }

  let chunk = position / CHUNK;
  let start = m * shape.qkv_stride + slot * HEAD_DIM;
  if (slot >= shape.heads + shape.kv_heads) {
    let at = values_at(shape.kv_heads, chunk, slot - shape.heads - shape.kv_heads);
    let value = vec2<f32>(qkv[start + 2u * pair], qkv[start + 2u * pair + 1u]);
    write(at + position % CHUNK * QUADS, 1u, pair, value);
    return;
  }

  // The two elements of a pair, and whether rope turns them.
  let turned = pair < shape.rope_pairs;
{%- if interleaved %}
  let i = pair * 2u;
  let j = i + 1u;
{%- else %}
  let i = select(pair * 2u, pair, turned);
  let j = select(i + 1u, pair + shape.rope_pairs, turned);
{%- endif %}
  var value = vec2<f32>(qkv[start + i], qkv[start + j]);
{%- if qk_norm %}
  let gain = select(HEAD_DIM, 0u, slot < shape.heads);
  value *= norm_scale(start) * vec2<f32>(gains[gain + i], gains[gain + j]);
{%- endif %}
  if (turned) {
    let turn = rotation[position * shape.rope_pairs + pair];
    value = vec2<f32>(value.x * turn.x - value.y * turn.y, value.x * turn.y + value.y * turn.x);
  }
  if (slot < shape.heads) {
    let at = m * shape.q_stride + slot * HEAD_DIM + 2u * pair;
    q[at] = value.x;
    q[at + 1u] = value.y;
  } else {
    write(keys_at(shape.kv_heads, chunk, slot - shape.heads) + position % CHUNK, CHUNK, pair, value);
  }
}
