// What rows of attention see, and how the sums of chunks are merged (online softmax, arXiv 1805.02867): in ascending order,
// whoever does it. Expects pass.wgsl and cache.wgsl.
//
// partials: [chunk, M, heads] of QUADS vec4 of the values' weighted sum and one more: greatest score, sum of weights.
struct Attend {
  heads: u32,
  kv_heads: u32,
  heads_per_kv: u32,
  rows: u32,       // M
  q_stride: u32,   // vec4 between rows of q
  out_stride: u32, // vec4 between rows of out
  splits: u32,     // workgroups that share a row's chunks
  window: u32,     // positions that a row sees, its own the last of them
  scale: f32,
  softcap: f32,    // scores s become softcap * tanh(s / softcap)
}
@group(0) @binding(12) var<uniform> attend: Attend;

// The first position that row m sees, and the one behind the last. A row that has nothing to do, in a tile with others, sees what
// the last of those does.
fn sight_of(m: u32) -> vec2<u32> {
  let end = min(position(min(m, live() - 1u)), pass_.capacity - 1u) + 1u;
{%- if window %}
  return vec2<u32>(end - min(end, attend.window), end);
{%- else %}
  return vec2<u32>(0u, end);
{%- endif %}
}
fn sees(sight: vec2<u32>, position: u32) -> bool { return {% if window %}position >= sight.x && {% endif %}position < sight.y; }

fn partial_at(chunk: u32, m: u32, head: u32) -> u32 {
  return ((chunk * attend.rows + m) * attend.heads + head) * (QUADS + 1u);
}

// Of no chunk: the greatest score and the sum of weights.
const NO_MARK = vec2<f32>(-3.0e38, 0.0);
struct Merge {
  mark: vec2<f32>,
  fade: f32, // what the sums so far are multiplied with
  weight: f32, // what those of the chunk are
}
fn merge(mark: vec2<f32>, chunk: vec2<f32>) -> Merge {
  let less = exp(-abs(mark.x - chunk.x));
  let above = chunk.x > mark.x;
  let fade = select(1.0, less, above);
  let weight = select(less, 1.0, above);
  return Merge(vec2<f32>(max(mark.x, chunk.x), fma(chunk.y, weight, mark.y * fade)), fade, weight);
}
