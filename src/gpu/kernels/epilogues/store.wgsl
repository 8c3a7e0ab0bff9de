// y = sum
{% include "epilogues/pairs.wgsl" %}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let i = m * shape.y_stride + shape.y_first + pair;
  y[i] = sum.x;
  if (pair + pairs() < shape.rows) { y[i + pairs()] = sum.y; }
}
