// attention: out[m, h] = softmax(q[m, h] . keys / sqrt(head_dim)) . values over positions 0..=position(m).
//
// One workgroup of {{ chunk }} for a row and a head. Keys come in chunks of {{ chunk }} counted from position 0, merged in order
// (online softmax, arXiv 1805.02867), so a row's result does not depend on the other rows: batch-invariant.
// In a chunk, invocation i scores key i, then invocation i sums column i of the values.
// Dispatch: (heads, M). Layouts as in rope.wgsl; out: [M, heads * head_dim].
{% include "pass.wgsl" %}
struct Shape {
  heads_per_kv: u32,
  q_stride: u32,   // f32 between rows of q
  out_stride: u32, // f32 between rows of out
  scale: f32,
}
const HEAD_DIM = {{ head_dim }}u;
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> values: array<f32>;

var<workgroup> scores: array<vec4<f32>, {{ chunk // 4 }}>;
var<workgroup> weights: array<vec4<f32>, {{ chunk // 4 }}>;

@compute @workgroup_size({{ chunk }})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let head = group.x;
  let m = group.y;
  let kv_head = head / shape.heads_per_kv;
  let last = min(position(m), pass_.capacity - 1u);
  let query = (m * shape.q_stride + head * HEAD_DIM) / 4u;
  var top = -3.0e38;
  var total = 0.0;
{%- for c in range((head_dim + chunk - 1) // chunk) %}
  var sum{{ c }} = 0.0;
{%- endfor %}
  for (var first = 0u; first <= last; first += {{ chunk }}u) {
    let key = first + local;
    var score = -3.0e38;
    if (key <= last) {
      score = 0.0;
      for (var i = 0u; i < HEAD_DIM / 4u; i++) {
        let a = q[query + i];
        let b = keys[(kv_head * (HEAD_DIM / 4u) + i) * pass_.capacity + key];
        score = fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, score))));
      }
      score *= shape.scale;
    }
    scores[local / 4u][local % 4u] = score;
    workgroupBarrier();
    var high = scores[0];
    for (var i = 1u; i < {{ chunk // 4 }}u; i++) { high = max(high, scores[i]); }
    let new_top = max(top, max(max(high.x, high.y), max(high.z, high.w)));
    weights[local / 4u][local % 4u] = select(0.0, exp(score - new_top), key <= last);
    workgroupBarrier();
    let fade = exp(top - new_top);
    var mass = weights[0];
    for (var i = 1u; i < {{ chunk // 4 }}u; i++) { mass += weights[i]; }
    total = fma(total, fade, (mass.x + mass.y) + (mass.z + mass.w));
    top = new_top;
    let count = min({{ chunk }}u, last + 1u - first);
    let value = (kv_head * pass_.capacity + first) * HEAD_DIM;
{%- for c in range((head_dim + chunk - 1) // chunk) %}
    sum{{ c }} *= fade;
    for (var i = 0u; i < count; i++) {
      sum{{ c }} = fma(weights[i / 4u][i % 4u], values[value + i * HEAD_DIM + {{ c * chunk }}u + local], sum{{ c }});
    }
{%- endfor %}
  }
{%- for c in range((head_dim + chunk - 1) // chunk) %}
  if ({{ c * chunk }}u + local < HEAD_DIM) {
    out[m * shape.out_stride + head * HEAD_DIM + {{ c * chunk }}u + local] = sum{{ c }} / total;
  }
{%- endfor %}
}
