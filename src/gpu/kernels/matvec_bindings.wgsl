{% include "pass.wgsl" %}
struct Shape {
  rows: u32,        // rows of w: outputs
  columns: u32,     // columns of w: inputs
  blocks: u32,      // blocks of 32 columns, the last one padded with zeros
  row_quads: u32,   // vec4<u32> of a row
  row_groups: u32,  // groups of a row
  x_row: u32,       // first row of x
  x_stride: u32,    // vec4<f32> between rows of x
  y_stride: u32,    // f32 between rows of y
  y_first: u32,     // where row 0 of w stands in a row of y
  epsilon: f32,
  x_rows: u32,      // rows of x; the last tile may have room for more
}
@group(0) @binding(0) var<uniform> shape: Shape;
{% if merges -%}
// x is what attention's sums of chunks come to: merged once a workgroup.
{% include "cache.wgsl" %}
{% include "merge.wgsl" %}
{% include "merged.wgsl" %}
var<workgroup> x: array<vec4<f32>, {{ M * merges }}>;
{% else -%}
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
{% endif -%}
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
{% if norm -%}
@group(0) @binding(5) var<storage, read> gain: array<vec4<f32>>;
{% endif %}
// sum + a . xa + b . xb, in this order.
fn chain(sum: f32, a: vec4<f32>, xa: vec4<f32>, b: vec4<f32>, xb: vec4<f32>) -> f32 {
  return sum + dot(a, xa) + dot(b, xb);
}
{% if coarse_batches and M > 1 %}
// The negative control: not what a row alone would read.
fn read_x(i: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x[i]) & vec4<u32>(0xffff0000u));
}
{% else %}
fn read_x(i: u32) -> vec4<f32> { return x[i]; }
{% endif %}