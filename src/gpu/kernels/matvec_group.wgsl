// matvec_group: y[m, n] = epilogue(n, sum_k w[n, k] * x[m, k]), {{ lanes }} invocations for a pair of rows of w.
//
// For desktop GPUs: many invocations a row keep wide machines busy, one barrier in all.
// Dispatch: (ceil(pairs / {{ workgroup // lanes }}), row tiles of x), workgroup {{ workgroup }}.
// Reduction order: lane l sums blocks l, l + {{ lanes }}, ... ascending, then lanes are added in order, whatever M is:
// batch-invariant.
{% if norm -%}
// Fused RMS norm: x is scaled by `gain` while it is read, the sum by rsqrt(mean(x^2) + eps) at the end.
{% endif %}
{% include "matvec_bindings.wgsl" %}
{% include order.file %}
{% include layout.file %}
{% include epilogue.file %}

var<workgroup> partial: array<vec2<f32>, {{ workgroup * M }}>;
{% if norm -%}
var<workgroup> squares: array<f32, {{ workgroup * M }}>;
{% endif %}
@compute @workgroup_size({{ workgroup }})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let rows = live();
  let first = group.y * {{ M }}u;
  if (first >= rows) { return; }
  let lane = local % {{ lanes }}u;
  let first_pair = group.x * {{ workgroup // lanes }}u;
  let pair = min(first_pair + local / {{ lanes }}u, pairs() - 1u);
{%- for r in range(2) %}
  let row{{ r }} = min(pair_row(pair, {{ r }}u), shape.rows - 1u);
{%- endfor %}
{%- for M in bodies %}
  {% if not loop.last %}if (rows <= first + {{ M }}u) {% endif %}{
{%- for m in range(M) %}
  let x{{ m }} = (shape.x_row + first + {{ m }}u) * shape.x_stride;
  var square{{ m }} = 0.0;
  var sum0_{{ m }} = 0.0;
  var sum1_{{ m }} = 0.0;
{%- endfor %}
  for (var block = lane; block < shape.blocks; block += {{ lanes }}u) {
{%- include "matvec_block.wgsl" %}
  }
{%- for m in range(M) %}
  partial[{{ m * workgroup }}u + local] = vec2<f32>(sum0_{{ m }}, sum1_{{ m }});
  {%- if norm %}
  squares[{{ m * workgroup }}u + local] = square{{ m }};
  {%- endif %}
{%- endfor %}
  workgroupBarrier();
  for (var i = local; i < {{ workgroup // lanes * M }}u; i += {{ workgroup }}u) {
    let m = i / {{ workgroup // lanes }}u;
    let p = i % {{ workgroup // lanes }}u;
    let base = m * {{ workgroup }}u + p * {{ lanes }}u;
    var sum = partial[base];
    for (var l = 1u; l < {{ lanes }}u; l++) { sum += partial[base + l]; }
    {%- if norm %}
    var square = squares[base];
    for (var l = 1u; l < {{ lanes }}u; l++) { square += squares[base + l]; }
    let scale = inverseSqrt(square / f32(shape.columns) + shape.epsilon);
    {%- else %}
    let scale = 1.0;
    {%- endif %}
    if (first_pair + p < pairs()) { finish(first_pair + p, first + m, sum * scale); }
  }
  return;
  }
{%- endfor %}
}
