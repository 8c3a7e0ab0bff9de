// y = sum + bias
{% include "epilogues/pairs.wgsl" %}
@group(0) @binding(6) var<storage, read> bias: array<f32>;
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let i = m * shape.y_stride + shape.y_first + pair * 2u;
  y[i] = sum.x + bias[pair * 2u];
  if (pair * 2u + 1u < shape.rows) { y[i + 1u] = sum.y + bias[pair * 2u + 1u]; }
}
