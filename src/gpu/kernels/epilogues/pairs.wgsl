// Row i is paired with row i + rows / 2, so that neighbouring pairs are neighbouring rows.
fn pairs() -> u32 { return (shape.rows + 1u) / 2u; }
fn pair_row(pair: u32, side: u32) -> u32 { return pair + side * pairs(); }
{% include "epilogues/bias.wgsl" %}
fn biased(pair: u32, sum: vec2<f32>) -> vec2<f32> {
{%- if bias %}
  let second = min(pair + pairs(), shape.rows - 1u);
  return sum + vec2<f32>(bias_of(shape.y_first + pair), bias_of(shape.y_first + second));
{%- else %}
  return sum;
{%- endif %}
}
