// matvec_lane: y[m, n] = epilogue(n, sum_k w[n, k] * x[m, k]), one invocation for {{ R }} rows of w, no barriers.
//
// For software adapters and small GPUs. The weights of a block are unpacked once and used for all {{ M }} rows of x, or for as
// many as the smallest of {{ bodies | join(", ") }} that holds those which live.
// Dispatch: (ceil(rows / R / {{ workgroup }}), row tiles of x), workgroup {{ workgroup }}.
// Reduction order: k ascending, one chain of sums per (n, m), whatever M and R are: batch-invariant.
{% if norm -%}
// Fused RMS norm: x is scaled by `gain` while it is read, the sum by rsqrt(mean(x^2) + eps) at the end.
{% endif %}
{% include "matvec_bindings.wgsl" %}
{% include order.file %}
{% include layout.file %}
{% include epilogue.file %}

@compute @workgroup_size({{ workgroup }})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let rows = min(live(), shape.x_rows);
  let first_row = id.y * {{ M }}u;
  // Invocation i takes pairs i, i + threads, ...: neighbours read neighbouring rows.
  let threads = (pairs() + {{ R // 2 - 1 }}u) / {{ R // 2 }}u;
  if (first_row >= rows || id.x >= threads) { return; }
{%- for r in range(R) %}
  let row{{ r }} = min(pair_row(id.x + {{ r // 2 }}u * threads, {{ r % 2 }}u), shape.rows - 1u);
{%- endfor %}
{%- for M in bodies %}
  {% if not loop.last %}if (rows <= first_row + {{ M }}u) {% endif %}{
{%- for m in range(M) %}
  let x{{ m }} = (shape.x_row + first_row + {{ m }}u) * shape.x_stride;
  {%- if norm %}
  var square{{ m }} = 0.0;
  {%- endif %}
  {%- for r in range(R) %}
  var sum{{ r }}_{{ m }} = 0.0;
  {%- endfor %}
{%- endfor %}
  for (var block = 0u; block < shape.blocks; block++) {
{%- include "matvec_block.wgsl" %}
  }
{%- for m in range(M) %}
  if (first_row + {{ m }}u < rows) {
    {%- if norm %}
    let scale = inverseSqrt(square{{ m }} / f32(shape.columns) + shape.epsilon);
    {%- else %}
    let scale = 1.0;
    {%- endif %}
    {%- for p in range(R // 2) %}
    if (id.x + {{ p }}u * threads < pairs()) {
      finish(id.x + {{ p }}u * threads, first_row + {{ m }}u, vec2<f32>(sum{{ 2 * p }}_{{ m }}, sum{{ 2 * p + 1 }}_{{ m }}) * scale);
    }
    {%- endfor %}
  }
{%- endfor %}
  return;
  }
{%- endfor %}
}
