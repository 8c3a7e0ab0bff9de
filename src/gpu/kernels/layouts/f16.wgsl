// Half precision, two weights a word, the first in the low half: four quads hold a block of 32.
fn halves(low: u32, high: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(low), unpack2x16float(high));
}
{% from "layouts/two_a_word.wgsl" import load, octet %}
