// attention: out[m, h] = softmax(scale * q[m, h] . keys) . values over positions up to position(m){% if window %}, the last `window` of
// them{% endif %}.
//
// One workgroup of {{ workgroup }} for a row and {{ heads }} query heads that share a key/value head. Keys come in chunks of {{ 4 * workgroup }}
// counted from position 0, merged in order (online softmax, arXiv 1805.02867), so a row's result does not depend on the
// other rows: batch-invariant. In a chunk an invocation scores four keys for all its heads, so that a load of q or of a
// key serves several products; then it sums {{ columns }} vec4 of the values' columns.
// Dispatch: (heads / {{ heads }}, M). Layouts as in rope.wgsl; out: [M, heads * head_dim].
{% include "pass.wgsl" %}
struct Shape {
  heads_per_kv: u32,
  q_stride: u32,   // vec4 between rows of q
  out_stride: u32, // vec4 between rows of out
  scale: f32,
  window: u32,     // positions that a row sees, its own the last of them
  softcap: f32,    // scores s become softcap * tanh(s / softcap)
}
const QUADS = {{ head_dim // 4 }}u; // vec4 of a head
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>;

// Of each invocation's four keys: the greatest score, the weights, and the weights' sum.
var<workgroup> tops: array<f32, {{ heads * workgroup }}>;
var<workgroup> weights: array<vec4<f32>, {{ heads * workgroup }}>;
var<workgroup> masses: array<f32, {{ heads * workgroup }}>;

fn product(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

@compute @workgroup_size({{ workgroup }})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let head = group.x * {{ heads }}u;
  let m = group.y;
  if (m >= live()) { return; }
  let kv_head = head / shape.heads_per_kv;
  let last = min(position(m), pass_.capacity - 1u);
{%- if window %}
  let start = last + 1u - min(last + 1u, shape.window);
  let begin = start / {{ 4 * workgroup }}u * {{ 4 * workgroup }}u;
{%- else %}
  let begin = 0u;
{%- endif %}
{%- for h in range(heads) %}
  let query{{ h }} = m * shape.q_stride + (head + {{ h }}u) * QUADS;
  var top{{ h }} = -3.0e38;
  var total{{ h }} = 0.0;
  {%- for c in range(columns) %}
  var sum{{ h }}_{{ c }} = vec4<f32>();
  {%- endfor %}
{%- endfor %}
  for (var first = begin; first <= last; first += {{ 4 * workgroup }}u) {
    let key = first + local * 4u;
{%- for h in range(heads) %}
    var score{{ h }} = vec4<f32>();
{%- endfor %}
    if (key <= last) {
      for (var i = 0u; i < QUADS; i++) {
        // Positions behind the last are read, inside the cache, and masked below.
        let at = (kv_head * QUADS + i) * pass_.capacity + key;
{%- for k in range(4) %}
        let key{{ k }} = keys[at + {{ k }}u];
{%- endfor %}
{%- for h in range(heads) %}
        {
          let a = q[query{{ h }} + i];
          score{{ h }} = vec4<f32>(product(score{{ h }}.x, a, key0), product(score{{ h }}.y, a, key1), product(score{{ h }}.z, a, key2), product(score{{ h }}.w, a, key3));
        }
{%- endfor %}
      }
    }
    let keys_at = vec4<u32>(key, key + 1u, key + 2u, key + 3u);
    let seen = keys_at <= vec4<u32>(last){% if window %} & keys_at >= vec4<u32>(start){% endif %};
{%- for h in range(heads) %}
    score{{ h }} *= shape.scale;
    {%- if softcap %}
    score{{ h }} = shape.softcap * tanh(clamp(score{{ h }} / shape.softcap, vec4<f32>(-15.0), vec4<f32>(15.0)));
    {%- endif %}
    score{{ h }} = select(vec4<f32>(-3.0e38), score{{ h }}, seen);
    tops[{{ h * workgroup }}u + local] = max(max(score{{ h }}.x, score{{ h }}.y), max(score{{ h }}.z, score{{ h }}.w));
{%- endfor %}
    workgroupBarrier();
{%- for h in range(heads) %}
    var new_top{{ h }} = top{{ h }};
    for (var i = 0u; i < {{ workgroup }}u; i++) { new_top{{ h }} = max(new_top{{ h }}, tops[{{ h * workgroup }}u + i]); }
    {
      let weight = select(vec4<f32>(), exp(score{{ h }} - new_top{{ h }}), seen);
      weights[{{ h * workgroup }}u + local] = weight;
      masses[{{ h * workgroup }}u + local] = (weight.x + weight.y) + (weight.z + weight.w);
    }
{%- endfor %}
    workgroupBarrier();
{%- for h in range(heads) %}
    {
      let fade = exp(top{{ h }} - new_top{{ h }});
      var mass = 0.0;
      for (var i = 0u; i < {{ workgroup }}u; i++) { mass += masses[{{ h * workgroup }}u + i]; }
      total{{ h }} = fma(total{{ h }}, fade, mass);
      top{{ h }} = new_top{{ h }};
      {%- for c in range(columns) %}
      sum{{ h }}_{{ c }} *= fade;
      {%- endfor %}
    }
{%- endfor %}
    let count = min({{ 4 * workgroup }}u, last + 1u - first);
{%- for c in range(columns) %}
    if (local + {{ c * workgroup }}u < QUADS) {
      // Whole quads of positions are summed. What lies behind the last position{% if window %} or before the window{% endif %} is nobody's business: rejected tokens may have
      // left there what is not finite, and even 0 times that is not 0.
{%- if window %}
      for (var i = (max(start, first) - first) / 4u * 4u; i < count; i += 4u) {
{%- else %}
      for (var i = 0u; i < count; i += 4u) {
{%- endif %}
        let at = (kv_head * pass_.capacity + first + i) * QUADS + {{ c * workgroup }}u + local;
        let value0 = {% if window %}select(vec4<f32>(), values[at], first + i >= start){% else %}values[at]{% endif %};
        let value1 = select(vec4<f32>(), values[at + QUADS], i + 1u < count{% if window %} && first + i + 1u >= start{% endif %});
        let value2 = select(vec4<f32>(), values[at + 2u * QUADS], i + 2u < count{% if window %} && first + i + 2u >= start{% endif %});
        let value3 = select(vec4<f32>(), values[at + 3u * QUADS], i + 3u < count{% if window %} && first + i + 3u >= start{% endif %});
{%- for h in range(heads) %}
        {
          let weight = weights[{{ h * workgroup }}u + i / 4u];
          sum{{ h }}_{{ c }} = fma(vec4<f32>(weight.w), value3, fma(vec4<f32>(weight.z), value2, fma(vec4<f32>(weight.y), value1, fma(vec4<f32>(weight.x), value0, sum{{ h }}_{{ c }}))));
        }
{%- endfor %}
      }
    }
{%- endfor %}
    // The next chunk's tops and masses must not overtake this chunk's readers.
    workgroupBarrier();
  }
{%- for c in range(columns) %}
  if (local + {{ c * workgroup }}u < QUADS) {
{%- for h in range(heads) %}
    out[m * shape.out_stride + (head + {{ h }}u) * QUADS + {{ c * workgroup }}u + local] = sum{{ h }}_{{ c }} / total{{ h }};
{%- endfor %}
  }
{%- endfor %}
}
