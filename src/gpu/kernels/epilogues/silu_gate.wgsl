// y = silu(gate) * up: rows 0..n of w are the gate, rows n..2n the up projection; a pair is a row of each.
{% include "epilogues/pairs.wgsl" %}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let value = biased(pair, sum);
  y[m * shape.y_stride + pair] = value.x / (1.0 + exp(-value.x)) * value.y;
}
