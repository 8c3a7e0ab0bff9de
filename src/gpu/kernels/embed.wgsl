// embed: x[m, k] = {% if scaled %}scale * {% endif %}w[tokens[position(m)], k], one invocation for a block of 32 columns of one row.
//
// Dispatch: (ceil(blocks / 64), M), workgroup 64. Where the table is split, each part writes the rows it holds.
{% include "pass.wgsl" %}
{% include order.file %}
{% include layout.file %}
struct Shape {
  rows: u32,
  first_row: u32,   // first token id of this part of the table
  blocks: u32,
  row_quads: u32,
  row_groups: u32,
  x_stride: u32,    // vec4<f32> between rows of x
  vocab: u32,       // rows of the whole table
  scale: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4<f32>>;

var<private> row_of_x: u32;

fn put(i: u32, value: vec4<f32>) { x[row_of_x + i] = {% if scaled %}shape.scale * {% endif %}value; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let block = id.x;
  // An id outside the table cannot come from our own kernels; it must not read outside either.
  let token = min(tokens[position(id.y)], shape.vocab - 1u);
  if (id.y >= live() || block >= shape.blocks || token < shape.first_row || token - shape.first_row >= shape.rows) { return; }
  let row0 = token - shape.first_row;
  row_of_x = id.y * shape.x_stride;
{% include "embed_block.wgsl" %}
}
