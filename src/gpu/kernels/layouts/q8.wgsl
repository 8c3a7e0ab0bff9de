// 8-bit signed codes: two quads hold a block of 32, four codes a word, the first in the low byte.
// weight = code * scale + min.
@group(0) @binding(3) var<storage, read> codes: array<vec4<u32>>;
{% include params_file -%}
fn bytes(word: u32) -> vec4<f32> {
  return vec4<f32>((vec4<i32>(i32(word)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}
{% macro load(r, group) -%}
let quad{{ r }}_0 = codes[row{{ r }} * shape.row_stride + (block * 2u) * shape.quad_stride];
    let quad{{ r }}_1 = codes[row{{ r }} * shape.row_stride + (block * 2u + 1u) * shape.quad_stride];
    {% for g in range(32 // group) -%}
    let affine{{ r }}_{{ g }} = affine(row{{ r }}, block * {{ 32 // group }}u + {{ g }}u);
    {% endfor %}
{%- endmacro %}
{% macro octet(r, o, group) -%}
{% set affine = "affine" ~ r ~ "_" ~ (o * 8 // group) -%}
let a{{ r }} = fma(bytes(quad{{ r }}_{{ o // 2 }}[{{ o % 2 * 2 }}]), vec4<f32>({{ affine }}.x), vec4<f32>({{ affine }}.y));
      let b{{ r }} = fma(bytes(quad{{ r }}_{{ o // 2 }}[{{ o % 2 * 2 + 1 }}]), vec4<f32>({{ affine }}.x), vec4<f32>({{ affine }}.y));
{%- endmacro %}
