// 8-bit codes, stored plus 128: two quads hold a block of 32, four codes a word, the first in the low byte.
// weight = (stored - 128) * scale + min; the 128 goes into the min. Codes stay where they are in the word; what they are
// multiplied with is divided instead, exactly.
fn bytes(word: u32) -> vec4<f32> {
  let low = vec3<f32>(vec3<i32>(vec3<u32>(word) & vec3<u32>(0xffu, 0xff00u, 0xff0000u)));
  return vec4<f32>(low, f32(i32(word >> 24u)));
}
fn centred(affine: vec2<f32>) -> vec2<f32> { return vec2<f32>(affine.x, affine.y - 128.0 * affine.x); }
const PLACES = vec4<f32>(1.0, 0.00390625, 0.0000152587890625, 1.0);
{% macro load(r, group) -%}
let quad{{ r }}_0 = quad(row{{ r }}, block * 2u);
    let quad{{ r }}_1 = quad(row{{ r }}, block * 2u + 1u);
    {% for g in range(32 // group) -%}
    let affine{{ r }}_{{ g }} = centred(affine(row{{ r }}, block * {{ 32 // group }}u + {{ g }}u));
    {% endfor %}
{%- endmacro %}
{% macro octet(r, o) -%}
let a{{ r }} = bytes(quad{{ r }}_{{ o // 2 }}[{{ o % 2 * 2 }}]);
      let b{{ r }} = bytes(quad{{ r }}_{{ o // 2 }}[{{ o % 2 * 2 + 1 }}]);
{%- endmacro %}
