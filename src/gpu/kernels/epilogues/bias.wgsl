// y = sum + bias
{% include "epilogues/pairs.wgsl" %}
@group(0) @binding(6) var<storage, read> bias: array<f32>;
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let i = m * shape.y_stride + shape.y_first + pair;
  y[i] = sum.x + bias[pair];
  if (pair + pairs() < shape.rows) { y[i + pairs()] = sum.y + bias[pair + pairs()]; }
}
