// bfloat16, two weights a word, the first in the low half: four quads hold a block of 32.
fn halves(low: u32, high: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(low << 16u, low & 0xffff0000u, high << 16u, high & 0xffff0000u));
}
{% from "layouts/two_a_word.wgsl" import load, octet %}
