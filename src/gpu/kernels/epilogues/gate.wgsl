// y = {{ activation }}(gate) * up: rows 0..n of w are the gate, rows n..2n the up projection; a pair is a row of each.
{% include "epilogues/pairs.wgsl" %}
{% if activation == "gelu" -%}
// x / 2 * (1 + tanh(u)) with u = sqrt(2 / pi) * (x + 0.044715 x^3), which is x / (1 + e^-2u).
fn activated(x: f32) -> f32 { return x / (1.0 + exp(-1.5957692 * (x + 0.044715 * (x * x * x)))); }
{% else -%}
fn activated(x: f32) -> f32 { return x / (1.0 + exp(-x)); }
{% endif -%}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let value = biased(pair, sum);
  y[m * shape.y_stride + pair] = activated(value.x) * value.y;
}
