// 8-bit codes, stored plus 128: two quads hold a block of 32, four codes a word, the first in the low byte.
// weight = code * scale + min. Codes stay where they are in the word and the scale is divided instead, exactly.
fn bytes(word: u32) -> vec4<f32> {
  let low = vec3<f32>(vec3<i32>(vec3<u32>(word) & vec3<u32>(0xffu, 0xff00u, 0xff0000u)));
  return vec4<f32>(low, f32(i32(word >> 24u))) - vec4<f32>(128.0, 32768.0, 8388608.0, 128.0);
}
const PLACES = vec4<f32>(1.0, 0.00390625, 0.0000152587890625, 1.0);
{% macro load(r, group) -%}
let quad{{ r }}_0 = quad(row{{ r }}, block * 2u);
    let quad{{ r }}_1 = quad(row{{ r }}, block * 2u + 1u);
    {% for g in range(32 // group) -%}
    let affine{{ r }}_{{ g }} = affine(row{{ r }}, block * {{ 32 // group }}u + {{ g }}u);
    let scale{{ r }}_{{ g }} = affine{{ r }}_{{ g }}.x * PLACES;
    {% endfor %}
{%- endmacro %}
{% macro octet(r, o, group) -%}
{% set g = r ~ "_" ~ (o * 8 // group) -%}
let a{{ r }} = bytes(quad{{ r }}_{{ o // 2 }}[{{ o % 2 * 2 }}]) * scale{{ g }} + affine{{ g }}.y;
      let b{{ r }} = bytes(quad{{ r }}_{{ o // 2 }}[{{ o % 2 * 2 + 1 }}]) * scale{{ g }} + affine{{ g }}.y;
{%- endmacro %}
