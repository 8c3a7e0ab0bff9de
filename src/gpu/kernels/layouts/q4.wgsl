// 4-bit codes: one quad holds a block of 32, code i of word o in bits 4i..4i+4. weight = code * scale + min.
// Codes stay where they are in the word; what they are multiplied with is divided instead, exactly, by a power of two:
// shifts are slow on software adapters.
fn nibbles(word: u32) -> vec4<f32> {
  return vec4<f32>(vec4<i32>(vec4<u32>(word) & vec4<u32>(0xfu, 0xf0u, 0xf00u, 0xf000u)));
}
const PLACES = vec4<f32>(1.0, 0.0625, 0.00390625, 0.000244140625);
{% macro load(r, group) -%}
let quad{{ r }} = quad(row{{ r }}, block);
    {% for g in range(32 // group) -%}
    let affine{{ r }}_{{ g }} = affine(row{{ r }}, block * {{ 32 // group }}u + {{ g }}u);
    {% endfor %}
{%- endmacro %}
{% macro octet(r, o) -%}
let a{{ r }} = nibbles(quad{{ r }}[{{ o }}]);
      let b{{ r }} = nibbles(quad{{ r }}[{{ o }}] >> 16u);
{%- endmacro %}
