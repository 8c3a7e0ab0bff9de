// matvec_group: y[m, n] = epilogue(n, sum_k w[n, k] * x[m, k]), {{ lanes }} invocations for {{ R }} rows of w.
//
// For desktop GPUs: many invocations a row keep wide machines busy.
// Dispatch: (ceil(pairs / {{ pairs_each }}), row tiles of x), workgroup {{ workgroup }}: {{ workgroup // lanes }} groups of {{ lanes }}.
// Reduction order: lane l sums blocks l, l + {{ lanes }}, ... ascending; then lanes l, l + 8, ... are added in order, then those 8
// sums in order. Whatever M and R are: batch-invariant.
{% if norm -%}
// Fused RMS norm: x is scaled by `gain` while it is read, the sum by rsqrt(mean(x^2) + eps) at the end.
{% endif %}
{% include "matvec_bindings.wgsl" %}
{% include order.file %}
{% include layout.file %}
{% include epilogue.file %}
{%- set groups = workgroup // lanes %}
{%- set outputs = groups * R %}
{#- Rows of partial sums of a row of x: one an output, and with a norm one of squares. #}
{%- set sums = outputs + (1 if norm else 0) %}
{#- A lane more than there are, so that neighbouring sums are in other banks. #}
{%- set stride = lanes + 1 %}

var<workgroup> partial: array<f32, {{ at_once * sums * stride }}>;

@compute @workgroup_size({{ workgroup }})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let rows = min(live(), shape.x_rows);
  let first_row = group.y * {{ M }}u;
  if (first_row >= rows) { return; }
{%- if merges %}
  for (var i = local; i < min({{ M }}u, rows - first_row) * {{ merges }}u; i += {{ workgroup }}u) {
    let quad = i % {{ merges }}u;
    x[i] = vec4<f32>();
    if (quad < attend.heads * QUADS) { x[i] = merged(first_row + i / {{ merges }}u, quad); }
  }
  workgroupBarrier();
{%- endif %}
  let lane = local % {{ lanes }}u;
  let first_pair = group.x * {{ pairs_each }}u;
  let first = local / {{ lanes }}u * {{ R }}u;
{%- for r in range(R) %}
  let row{{ r }} = min(pair_row(min(first_pair + (first + {{ r }}u) / 2u, pairs() - 1u), (first + {{ r }}u) % 2u), shape.rows - 1u);
{%- endfor %}
{%- for M in bodies %}
  {% if not loop.last %}if (rows <= first_row + {{ M }}u) {% endif %}{
{%- for m in range(M) %}
  let x{{ m }} = {% if merges %}{{ m * merges }}u{% else %}(shape.x_row + first_row + {{ m }}u) * shape.x_stride{% endif %};
  {%- if norm %}
  var square{{ m }} = 0.0;
  {%- endif %}
  {%- for r in range(R) %}
  var sum{{ r }}_{{ m }} = 0.0;
  {%- endfor %}
{%- endfor %}
  for (var block = lane; block < shape.blocks; block += {{ lanes }}u) {
{%- include "matvec_block.wgsl" %}
  }
{#- As many rows of x at once as there is room for. #}
{%- for begin in range(0, M, at_once) %}
  {%- set count = [at_once, M - begin] | min %}
  {%- if begin > 0 %}
  workgroupBarrier();
  {%- endif %}
  {%- for m in range(count) %}
  {%- for r in range(R) %}
  partial[({{ m * sums + r }}u + first) * {{ stride }}u + lane] = sum{{ r }}_{{ begin + m }};
  {%- endfor %}
  {%- if norm %}
  if (local < {{ lanes }}u) { partial[{{ (m * sums + outputs) * stride }}u + lane] = square{{ begin + m }}; }
  {%- endif %}
  {%- endfor %}
  workgroupBarrier();
  {%- if lanes > 8 %}
  for (var i = local; i < {{ count * sums * 8 }}u; i += {{ workgroup }}u) {
    let base = i / 8u * {{ stride }}u + i % 8u;
    var sum = partial[base];
    for (var l = 8u; l < {{ lanes }}u; l += 8u) { sum += partial[base + l]; }
    partial[base] = sum;
  }
  workgroupBarrier();
  {%- endif %}
  for (var i = local; i < {{ count * pairs_each }}u; i += {{ workgroup }}u) {
    let m = i / {{ pairs_each }}u;
    let p = i % {{ pairs_each }}u;
    let base = (m * {{ sums }}u + p * 2u) * {{ stride }}u;
    var sum = vec2<f32>(partial[base], partial[base + {{ stride }}u]);
    for (var l = 1u; l < 8u; l++) { sum += vec2<f32>(partial[base + l], partial[base + {{ stride }}u + l]); }
    {%- if norm %}
    let squares = (m * {{ sums }}u + {{ outputs }}u) * {{ stride }}u;
    var square = partial[squares];
    for (var l = 1u; l < 8u; l++) { square += partial[squares + l]; }
    let scale = inverseSqrt(square / f32(shape.columns) + shape.epsilon);
    {%- else %}
    let scale = 1.0;
    {%- endif %}
    let row = first_row + {{ begin }}u + m;
    if (first_pair + p < pairs() && row < rows) { finish(first_pair + p, row, sum * scale); }
  }
{%- endfor %}
  return;
  }
{%- endfor %}
}
