// y += sum (+ bias): the residual stream, updated in place.
{% include "epilogues/pairs.wgsl" %}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let i = m * shape.y_stride + shape.y_first + pair;
  let value = biased(pair, sum);
  y[i] += value.x;
  if (pair + pairs() < shape.rows) { y[i + pairs()] += value.y; }
}
