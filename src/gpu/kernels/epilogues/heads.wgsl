// Rows of w are q's heads, k's and v's: a pair is one of a head (heads.wgsl), which is turned and left where it belongs.
{% include "heads.wgsl" %}
{% include "epilogues/bias.wgsl" %}
fn pairs() -> u32 { return shape.rows / 2u; }
fn pair_row(pair: u32, side: u32) -> u32 {
  return pair / PAIRS * HEAD_DIM + elements(pair / PAIRS, pair % PAIRS)[side];
}
fn finish(pair: u32, m: u32, sum: vec2<f32>) {
  let value = sum + vec2<f32>(bias_of(pair_row(pair, 0u)), bias_of(pair_row(pair, 1u)));
  leave(m, pair / PAIRS, pair % PAIRS, value);
}
