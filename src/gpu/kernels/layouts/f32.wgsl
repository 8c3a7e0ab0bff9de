// Single precision: eight quads hold a block of 32.
@group(0) @binding(3) var<storage, read> codes: array<vec4<u32>>;
{% macro load(r, group) -%}
let quad{{ r }} = row{{ r }} * shape.row_stride + (block * 8u) * shape.quad_stride;
{%- endmacro %}
{% macro octet(r, o, group) -%}
let a{{ r }} = bitcast<vec4<f32>>(codes[quad{{ r }} + {{ 2 * o }}u * shape.quad_stride]);
      let b{{ r }} = bitcast<vec4<f32>>(codes[quad{{ r }} + {{ 2 * o + 1 }}u * shape.quad_stride]);
{%- endmacro %}
