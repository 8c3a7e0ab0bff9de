// Single precision: eight quads hold a block of 32.
{% macro load(r, group) -%}{%- endmacro %}
{% macro octet(r, o) -%}
let a{{ r }} = bitcast<vec4<f32>>(quad(row{{ r }}, block * 8u + {{ 2 * o }}u));
      let b{{ r }} = bitcast<vec4<f32>>(quad(row{{ r }}, block * 8u + {{ 2 * o + 1 }}u));
{%- endmacro %}
