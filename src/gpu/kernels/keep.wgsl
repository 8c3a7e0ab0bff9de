// keep: hidden[position(m), tap] = x[m], a part of the states that a draft reads.
//
// Dispatch: (ceil(stride / 64), rows, taps), workgroup 64.
{% include "pass.wgsl" %}
struct Shape {
  stride: u32,    // vec4<f32> between rows of x, and between the taps of a row of hidden
  taps: u32,      // of a row of hidden
  first_tap: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> hidden: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.y >= live() || id.x >= shape.stride) { return; }
  let tap = position(id.y) * shape.taps + shape.first_tap + id.z;
  hidden[tap * shape.stride + id.x] = x[id.y * shape.stride + id.x];
}
