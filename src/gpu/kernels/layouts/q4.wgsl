// 4-bit codes: one quad holds a block of 32, code i of word o in bits 4i..4i+4. weight = code * scale + min.
@group(0) @binding(3) var<storage, read> codes: array<vec4<u32>>;
{% include params_file -%}
{% macro load(r, group) -%}
let quad{{ r }} = codes[row{{ r }} * shape.row_stride + block * shape.quad_stride];
    {% for g in range(32 // group) -%}
    let affine{{ r }}_{{ g }} = affine(row{{ r }}, block * {{ 32 // group }}u + {{ g }}u);
    {% endfor %}
{%- endmacro %}
{% macro octet(r, o, group) -%}
{% set affine = "affine" ~ r ~ "_" ~ (o * 8 // group) -%}
let word{{ r }} = quad{{ r }}[{{ o }}];
      let a{{ r }} = fma(vec4<f32>((vec4<u32>(word{{ r }}) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)), vec4<f32>({{ affine }}.x), vec4<f32>({{ affine }}.y));
      let b{{ r }} = fma(vec4<f32>((vec4<u32>(word{{ r }}) >> vec4<u32>(16u, 20u, 24u, 28u)) & vec4<u32>(15u)), vec4<f32>({{ affine }}.x), vec4<f32>({{ affine }}.y));
{%- endmacro %}
