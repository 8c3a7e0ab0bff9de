{#- A block of 32 columns of row `row0` of the table: eight calls of `put(vec4's number, value)`. Expects `block`. #}
{%- import layout.file as weights %}
  {{ weights.load(0, group) }}
{%- for o in range(4) %}
  {
    {{ weights.octet(0, o) }}
    {%- set g = "affine0_" ~ (o * 8 // group) %}
    {%- for half in ["a0", "b0"] %}
    put(block * 8u + {{ 2 * o + loop.index0 }}u, {{ half }}{% if params %} * PLACES * {{ g }}.x + {{ g }}.y{% endif %});
    {%- endfor %}
  }
{%- endfor %}
