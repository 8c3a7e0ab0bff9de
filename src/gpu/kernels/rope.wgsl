// rope: splits a row of q|k|v, normalizes the heads of q and k (qwen3), rotates them, writes q to its own buffer
// and k and v to the cache. One invocation for a pair of elements.
//
// qkv: [M, (heads + 2 kv_heads) * head_dim]; q: [M, heads * head_dim];
// keys: [kv_head, head_dim / 4, position] of vec4, so that invocations of neighbouring positions read neighbouring words;
// values: [kv_head, position, head_dim].
// Dispatch: (ceil((heads + 2 kv_heads) * head_dim / 2 / 64), M), workgroup 64.
{% include "pass.wgsl" %}
struct Shape {
  heads: u32,
  kv_heads: u32,
  rope_pairs: u32, // rotated pairs of a head
  qkv_stride: u32,
  q_stride: u32,
  epsilon: f32,
}
const HEAD_DIM = {{ head_dim }}u;
const PAIRS = {{ head_dim // 2 }}u;
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read_write> q: array<f32>;
@group(0) @binding(3) var<storage, read_write> keys: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;
@group(0) @binding(5) var<storage, read> rotation: array<vec2<f32>>; // [position, pair]: cos, sin
{% if qk_norm -%}
@group(0) @binding(6) var<storage, read> gains: array<f32>; // head_dim for q, head_dim for k

fn norm_scale(start: u32) -> f32 {
  var square = 0.0;
  for (var i = 0u; i < HEAD_DIM; i++) { square = fma(qkv[start + i], qkv[start + i], square); }
  return inverseSqrt(square / f32(HEAD_DIM) + shape.epsilon);
}
{% endif %}
fn write_key(head: u32, position: u32, i: u32, value: f32) {
  keys[((head * (HEAD_DIM / 4u) + i / 4u) * pass_.capacity + position) * 4u + i % 4u] = value;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let slot = id.x / PAIRS;
  let pair = id.x % PAIRS;
  let m = id.y;
  let position = position(m);
  if (m >= live() || slot >= shape.heads + 2u * shape.kv_heads || position >= pass_.capacity) { return; }

  // The two elements of a pair, and whether rope turns them.
  let turned = pair < shape.rope_pairs;
{%- if interleaved %}
  let i = pair * 2u;
  let j = i + 1u;
{%- else %}
  let i = select(pair * 2u, pair, turned);
  let j = select(i + 1u, pair + shape.rope_pairs, turned);
{%- endif %}
  let start = m * shape.qkv_stride + slot * HEAD_DIM;
  var a = qkv[start + i];
  var b = qkv[start + j];

  if (slot >= shape.heads + shape.kv_heads) {
    let head = slot - shape.heads - shape.kv_heads;
    let at = (head * pass_.capacity + position) * HEAD_DIM;
    values[at + i] = a;
    values[at + j] = b;
    return;
  }
{%- if qk_norm %}
  let scale = norm_scale(start);
  let gain = select(HEAD_DIM, 0u, slot < shape.heads);
  a *= scale * gains[gain + i];
  b *= scale * gains[gain + j];
{%- endif %}
  if (turned) {
    let turn = rotation[position * shape.rope_pairs + pair];
    let c = a * turn.x - b * turn.y;
    b = a * turn.y + b * turn.x;
    a = c;
  }
  if (slot < shape.heads) {
    q[m * shape.q_stride + slot * HEAD_DIM + i] = a;
    q[m * shape.q_stride + slot * HEAD_DIM + j] = b;
  } else {
    write_key(slot - shape.heads, position, i, a);
    write_key(slot - shape.heads, position, j, b);
  }
}
