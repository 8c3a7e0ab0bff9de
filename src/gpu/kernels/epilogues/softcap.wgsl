// y = cap * tanh((sum (+ bias)) / cap)
{% include "epilogues/pairs.wgsl" %}
fn capped(x: f32) -> f32 {
  // NaN stays NaN: the sampler must find it, and `clamp` may make a number of it.
  if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) { return x; }
  return {{ softcap }} * tanh(clamp(x / {{ softcap }}, -15.0, 15.0));
}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let i = m * shape.y_stride + shape.y_first + pair;
  let value = biased(pair, sum);
  y[i] = capped(value.x);
  if (pair + pairs() < shape.rows) { y[i + pairs()] = capped(value.y); }
}
