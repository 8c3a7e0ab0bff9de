// y = sum
{% include "epilogues/pairs.wgsl" %}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let i = m * shape.y_stride + shape.y_first + pair * 2u;
  y[i] = sum.x;
  if (pair * 2u + 1u < shape.rows) { y[i + 1u] = sum.y; }
}
