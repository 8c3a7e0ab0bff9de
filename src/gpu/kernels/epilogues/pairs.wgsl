// Row i is paired with row i + rows / 2, so that neighbouring pairs are neighbouring rows.
fn pairs() -> u32 { return (shape.rows + 1u) / 2u; }
fn pair_row(pair: u32, side: u32) -> u32 { return pair + side * pairs(); }
{% if bias -%}
@group(0) @binding(6) var<storage, read> bias: array<f32>; // one number a row of the whole matrix
fn biased(pair: u32, sum: vec2<f32>) -> vec2<f32> {
  let second = min(pair + pairs(), shape.rows - 1u);
  return sum + vec2<f32>(bias[shape.y_first + pair], bias[shape.y_first + second]);
}
{% else -%}
fn biased(pair: u32, sum: vec2<f32>) -> vec2<f32> { return sum; }
{% endif -%}
