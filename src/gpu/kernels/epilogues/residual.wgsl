// y += sum (+ bias): the residual stream, updated in place.{% if keeps %} What stands there then is kept as a part of the states that a draft
// reads, as keep.wgsl does.{% endif %}
{% include "epilogues/pairs.wgsl" %}
{%- if keeps %}
struct Kept {
  rows: u32, // of so many of the pass's first rows
  taps: u32, // of a row of hidden
  first_tap: u32,
  end_tap: u32,
}
@group(0) @binding(9) var<storage, read_write> hidden: array<f32>;
@group(0) @binding(10) var<uniform> kept: Kept;
{%- endif %}

fn add(m: u32, i: u32, value: f32) {
  let sum = y[m * shape.y_stride + i] + value;
  y[m * shape.y_stride + i] = sum;
{%- if keeps %}
  if (m >= kept.rows) { return; }
  for (var tap = kept.first_tap; tap < kept.end_tap; tap++) {
    hidden[(position(m) * kept.taps + tap) * shape.y_stride + i] = sum;
  }
{%- endif %}
}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let value = biased(pair, sum);
  add(m, shape.y_first + pair, value.x);
  if (pair + pairs() < shape.rows) { add(m, shape.y_first + pair + pairs(), value.y); }
}
