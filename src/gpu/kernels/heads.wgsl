// Where the pairs of a row of q, k and v go: turned by rope, q's to y, k's and v's to the cache. Expects pass.wgsl and y, which is
// [M, heads * head_dim] here, the elements of a head pair by pair, as those of keys in the cache.
{% include "cache.wgsl" %}
struct Heads {
  heads: u32,
  kv_heads: u32,
  rope_pairs: u32, // rotated pairs of a head
  q_stride: u32,
}
const HEAD_DIM = 4u * QUADS;
const PAIRS = 2u * QUADS; // of a head
@group(0) @binding(9) var<storage, read_write> cache: array<{{ "u32" if half else "f32" }}>;
@group(0) @binding(10) var<storage, read> rotation: array<vec2<f32>>; // [position, pair]: cos, sin
@group(0) @binding(11) var<uniform> heads: Heads;

// The elements of a head that are a pair. Slots are q's heads, then k's, then v's.
fn elements(slot: u32, pair: u32) -> vec2<u32> {
{%- if not interleaved %}
  if (pair < heads.rope_pairs && slot < heads.heads + heads.kv_heads) { return vec2<u32>(pair, pair + heads.rope_pairs); }
{%- endif %}
  return vec2<u32>(2u * pair, 2u * pair + 1u);
}

// Writes a pair of a head whose quads are `stride` apart from `at` on.
fn cache_pair(at: u32, stride: u32, pair: u32, value: vec2<f32>) {
{%- if half %}
  cache[(at + pair / 2u * stride) * 2u + pair % 2u] = pack2x16float(value);
{%- else %}
  let to = (at + pair / 2u * stride) * 4u + 2u * (pair % 2u);
  cache[to] = value.x;
  cache[to + 1u] = value.y;
{%- endif %}
}

fn leave(m: u32, slot: u32, pair: u32, value: vec2<f32>) {
  let position = position(m);
  if (position >= pass_.capacity) { return; }
  let chunk = position / CHUNK;
  if (slot >= heads.heads + heads.kv_heads) {
    let at = values_at(heads.kv_heads, chunk, slot - heads.heads - heads.kv_heads);
    cache_pair(at + position % CHUNK * QUADS, 1u, pair, value);
    return;
  }
  var turned = value;
  if (pair < heads.rope_pairs) {
    let turn = rotation[position * heads.rope_pairs + pair];
    turned = vec2<f32>(value.x * turn.x - value.y * turn.y, value.x * turn.y + value.y * turn.x);
  }
  if (slot < heads.heads) {
    let at = m * heads.q_stride + slot * HEAD_DIM + 2u * pair;
    y[at] = turned.x;
    y[at + 1u] = turned.y;
  } else {
    cache_pair(keys_at(heads.kv_heads, chunk, slot - heads.heads) + position % CHUNK, CHUNK, pair, turned);
  }
}
