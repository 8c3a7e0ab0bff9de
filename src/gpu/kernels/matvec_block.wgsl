{#- One block of 32 columns: adds the products of {{ R }} rows of w with {{ M }} rows of x to sum{r}_{m}, and with a norm
    the squares of x to square{m}. Weights are unpacked once for all rows of x. Where they are codes, a group's products
    are summed before its scale and min are applied: sum (code * scale + min) * x = scale * sum code * x + min * sum x.
    Expects `block`, `row{r}` and `x{m}`. #}
{%- import layout.file as weights %}
{%- for r in range(R) %}
    {{ weights.load(r, group) }}
{%- endfor %}
{%- set octets = group // 8 %}
{%- for g in range(32 // group) %}
    {
    {%- if params %}
    {%- for m in range(M) %}
      var total{{ m }} = 0.0;
      {%- for r in range(R) %}
      var part{{ r }}_{{ m }} = 0.0;
      {%- endfor %}
    {%- endfor %}
    {%- endif %}
    {%- for o in range(g * octets, g * octets + octets) %}
    {
      {%- if norm %}
      let gain_a = gain[block * 8u + {{ 2 * o }}u];
      let gain_b = gain[block * 8u + {{ 2 * o + 1 }}u];
      {%- endif %}
      {%- for r in range(R) %}
      {{ weights.octet(r, o) }}
      {%- endfor %}
      {%- for m in range(M) %}
      {
        var xa = read_x(x{{ m }} + block * 8u + {{ 2 * o }}u);
        var xb = read_x(x{{ m }} + block * 8u + {{ 2 * o + 1 }}u);
        {%- if norm %}
        square{{ m }} = chain(square{{ m }}, xa, xa, xb, xb);
        xa *= gain_a;
        xb *= gain_b;
        {%- endif %}
        {%- if params %}
        total{{ m }} += dot(xa + xb, vec4<f32>(1.0));
        xa *= PLACES;
        xb *= PLACES;
        {%- endif %}
        {%- set sum = "part" if params else "sum" %}
        {%- for r in range(R) %}
        {{ sum }}{{ r }}_{{ m }} = chain({{ sum }}{{ r }}_{{ m }}, a{{ r }}, xa, b{{ r }}, xb);
        {%- endfor %}
      }
      {%- endfor %}
    }
    {%- endfor %}
    {%- if params %}
    {%- for r in range(R) %}
    {%- for m in range(M) %}
      sum{{ r }}_{{ m }} = fma(part{{ r }}_{{ m }}, affine{{ r }}_{{ g }}.x, fma(total{{ m }}, affine{{ r }}_{{ g }}.y, sum{{ r }}_{{ m }}));
    {%- endfor %}
    {%- endfor %}
    {%- endif %}
    }
{%- endfor %}
