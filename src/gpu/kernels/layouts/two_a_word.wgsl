{% macro load(r, group) -%}
{% for o in range(4) -%}
let quad{{ r }}_{{ o }} = quad(row{{ r }}, block * 4u + {{ o }}u);
    {% endfor %}
{%- endmacro %}
{% macro octet(r, o) -%}
let a{{ r }} = halves(quad{{ r }}_{{ o }}.x, quad{{ r }}_{{ o }}.y);
      let b{{ r }} = halves(quad{{ r }}_{{ o }}.z, quad{{ r }}_{{ o }}.w);
{%- endmacro %}
