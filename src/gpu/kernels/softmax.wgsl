// softmax: (max, sum of exp((logit - max) / T)) of slice s of row m. What is not finite counts as nothing.
//
// Dispatch: (slices, M), workgroup 64. Reduction order: 64 strided sums, added in order.
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
{% include "row_shape.wgsl" %}
{% include "sound.wgsl" %}
@group(0) @binding(1) var<storage, read> logits: array<u32>; // bits of f32
@group(0) @binding(2) var<storage, read_write> masses: array<vec2<f32>>; // [M, slices]
@group(0) @binding(3) var<storage, read> sampling: Sampling;
var<workgroup> values: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (group.y >= live()) { return; }
  let row = group.y * shape.vocab;
  let begin = group.x * {{ slice }}u + local;
  let end = min((group.x + 1u) * {{ slice }}u, shape.vocab);
  var top = -3.4e38;
  for (var i = begin; i < end; i += 64u) {
    let bits = logits[row + i];
    if (is_finite(bits) && bitcast<f32>(bits) > top) { top = bitcast<f32>(bits); }
  }
  values[local] = top;
  workgroupBarrier();
  top = values[0];
  for (var i = 1u; i < 64u; i++) { top = max(top, values[i]); }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = begin; i < end; i += 64u) {
    let bits = logits[row + i];
    if (is_finite(bits)) { sum += exp((bitcast<f32>(bits) - top) * sampling.inverse_temperature); }
  }
  values[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    sum = values[0];
    for (var i = 1u; i < 64u; i++) { sum += values[i]; }
    masses[group.y * shape.slices + group.x] = vec2<f32>(top, sum);
  }
}
