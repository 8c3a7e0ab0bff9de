// norm: x[m] += rms_norm(branch[m]) * gain, what a layer adds to the residual stream where that is normed.
//
// Dispatch: (1, M), workgroup 64. Each invocation sums every 64th square in ascending order, then each adds the 64 sums in
// order: a row does not depend on the others.
{% include "pass.wgsl" %}
struct Shape {
  width: u32,
  stride: u32, // f32 between rows, of branch and of x
  epsilon: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> branch: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read> gain: array<f32>;
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (group.y >= live()) { return; }
  let row = group.y * shape.stride;
  var sum = 0.0;
  for (var i = local; i < shape.width; i += 64u) { sum = fma(branch[row + i], branch[row + i], sum); }
  sums[local] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 64u; i++) { total += sums[i]; }
  let scale = inverseSqrt(total / f32(shape.width) + shape.epsilon);
  for (var i = local; i < shape.width; i += 64u) { x[row + i] += branch[row + i] * scale * gain[i]; }
}
