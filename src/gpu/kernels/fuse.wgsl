// fuse: y[m] = concat(rms_norm(e[m]) * embedding_gain, rms_norm(hidden[position(m) - 1]) * hidden_gain), what the fusing
// matrix of a draft reads (model/draft.rs). Nothing predicted position 0: its state is 0.
//
// Dispatch: (2, M), workgroup 64: x = 0 for the embedding's half, 1 for the state's. Each invocation sums every 64th
// square in ascending order, then one adds the 64 sums in order.
{% include "pass.wgsl" %}
struct Shape {
  width: vec2<u32>,  // elements of the embedding, of a state
  stride: vec2<u32>, // f32 between rows of e, of hidden
  tap: vec2<u32>,    // elements of what one layer leaves in a state, f32 between those
  y_stride: u32,
  epsilon: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> e: array<f32>;
@group(0) @binding(2) var<storage, read> hidden: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> embedding_gain: array<f32>;
@group(0) @binding(5) var<storage, read> hidden_gain: array<f32>;
var<workgroup> sums: array<f32, 64>;

fn input(part: u32, m: u32, i: u32) -> f32 {
  if (part == 0u) { return e[m * shape.stride.x + i]; }
  let at = position(m);
  if (at == 0u) { return 0.0; }
  return hidden[(at - 1u) * shape.stride.y + i / shape.tap.x * shape.tap.y + i % shape.tap.x];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let part = group.x;
  let m = group.y;
  if (m >= live()) { return; }
  let width = shape.width[part];
  var sum = 0.0;
  for (var i = local; i < width; i += 64u) {
    let value = input(part, m, i);
    sum += value * value;
  }
  sums[local] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 64u; i++) { total += sums[i]; }
  let scale = inverseSqrt(total / f32(width) + shape.epsilon);
  for (var i = local; i < width; i += 64u) {
    let value = input(part, m, i) * scale;
    if (part == 0u) {
      y[m * shape.y_stride + i] = value * embedding_gain[i];
    } else {
      y[m * shape.y_stride + shape.width.x + i] = value * hidden_gain[i];
    }
  }
}
