// fuse: y[m] = concat(rms_norm(w[tokens[position(m)]]) * embedding_gain, rms_norm(hidden[position(m) - 1]) * hidden_gain), what the
// fusing matrix of a draft reads (model/draft.rs). Nothing predicted position 0: its state is 0.
//
// Dispatch: (2, M), workgroup 64: x = 0 for the embedding's half, 1 for the state's. Where the table is split, each part writes the
// halves of the rows it holds. Each invocation sums every 64th square in ascending order, then the 64 sums are added in order.
{% include "pass.wgsl" %}
{% include order.file %}
{% include layout.file %}
struct Shape {
  width: vec2<u32>, // elements of the embedding, of a state
  tap: vec2<u32>,   // elements of what one layer leaves in a state, f32 between those
  state_stride: u32, // f32 between states
  y_stride: u32,
  epsilon: f32,
  rows: u32,
  first_row: u32,   // first token id of this part of the table
  blocks: u32,
  row_quads: u32,
  row_groups: u32,
  vocab: u32,       // rows of the whole table
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read> hidden: array<f32>;
@group(0) @binding(5) var<storage, read> embedding_gain: array<f32>;
@group(0) @binding(6) var<storage, read> hidden_gain: array<f32>;
@group(0) @binding(9) var<storage, read_write> y: array<f32>;
var<workgroup> sums: array<f32, 64>;
var<private> row_of_y: u32;

fn put(i: u32, value: vec4<f32>) {
  for (var c = 0u; c < 4u; c++) {
    if (4u * i + c < shape.width.x) { y[row_of_y + 4u * i + c] = value[c]; }
  }
}
fn input(part: u32, at: u32, i: u32) -> f32 {
  if (part == 0u) { return y[row_of_y + i]; }
  if (at == 0u) { return 0.0; }
  return hidden[(at - 1u) * shape.state_stride + i / shape.tap.x * shape.tap.y + i % shape.tap.x];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let part = group.x;
  let m = group.y;
  if (m >= live()) { return; }
  let at = position(m);
  row_of_y = m * shape.y_stride;
  if (part == 0u) {
    let token = min(tokens[at], shape.vocab - 1u);
    if (token < shape.first_row || token - shape.first_row >= shape.rows) { return; }
    let row0 = token - shape.first_row;
    for (var block = local; block < shape.blocks; block += 64u) {
{% include "embed_block.wgsl" %}
    }
    storageBarrier();
  }
  let width = shape.width[part];
  var sum = 0.0;
  for (var i = local; i < width; i += 64u) {
    let value = input(part, at, i);
    sum += value * value;
  }
  sums[local] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 64u; i++) { total += sums[i]; }
  let scale = inverseSqrt(total / f32(width) + shape.epsilon);
  for (var i = local; i < width; i += 64u) {
    let value = input(part, at, i) * scale;
    if (part == 0u) {
      y[row_of_y + i] = value * embedding_gain[i];
    } else {
      y[row_of_y + shape.width.x + i] = value * hidden_gain[i];
    }
  }
}
