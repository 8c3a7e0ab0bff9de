// residual: of slice s of each row i of a proposal, the sum of its weights, of min(f(p), q), and how much that is more
// than min(p, q), where f is that of lossy verification or nothing.
//
// Dispatch: (slices, M), workgroup 64. sums: (weights' low and high word, overlap, excess) of [M, slices].
{% include "state.wgsl" %}
{% include "sampling.wgsl" %}
{% include "wide.wgsl" %}
@group(0) @binding(7) var<storage, read> state: State;
{% include "weight.wgsl" %}
{%- if lenience %}
@group(0) @binding(6) var<storage, read> sampling: Sampling;
{%- endif %}
{% include "lenient.wgsl" %}
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec4<u32>>;
var<workgroup> totals: array<vec4<u32>, 64>;
var<workgroup> kept: u32;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = group.y;
  if (state.halted.x != 0u || i > state.drafted) { return; }
  if (local == 0u) {
    kept = wanted(i);
  }
  let pi = workgroupUniformLoad(&kept);
  let proposed = tokens[state.length + 1u + i];
  var sum = vec2<u32>();
  var overlap = 0u;
  var excess = 0u;
  for (var x = group.x * {{ slice }}u + local; x < min((group.x + 1u) * {{ slice }}u, shape.vocab); x += 64u) {
    sum = plus(sum, weight_of(i, x, pi, proposed));
    if (i < state.drafted) {
      let q_x = q(i, x, proposed);
      let accepted = min(lenient(p(i, x)), q_x);
      overlap += accepted;
      excess += accepted - min(p(i, x), q_x);
    }
  }
  totals[local] = vec4<u32>(sum, overlap, excess);
  workgroupBarrier();
  if (local == 0u) {
    for (var t = 1u; t < 64u; t++) {
      sum = plus(sum, totals[t].xy);
      overlap += totals[t].z;
      excess += totals[t].w;
    }
    sums[i * shape.slices + group.x] = vec4<u32>(sum, overlap, excess);
  }
}
