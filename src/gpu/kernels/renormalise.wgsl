// renormalise: P = floor(P0 * 2^31 / sum of what is kept), 0 for what is not. What rounding takes away, settle.wgsl
// gives to the greatest.
//
// Dispatch: (slices, M), workgroup 64. floors: sum of P of each slice.
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
{% include "row_shape.wgsl" %}
{% include "wide.wgsl" %}
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> floors: array<u32>; // [M, slices]
{%- if truncates %}
@group(0) @binding(6) var<storage, read> cuts: array<vec2<u32>>;
{%- else %}
@group(0) @binding(1) var<storage, read> sums: array<vec4<u32>>;
{%- endif %}
var<workgroup> totals: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (group.y >= live()) { return; }
{%- if truncates %}
  let cut = cuts[group.y];
{%- else %}
  var cut = vec2<u32>(1u, 0u);
  for (var s = 0u; s < shape.slices; s++) { cut.y += sums[group.y * shape.slices + s].x; }
{%- endif %}
  let base = row_of(group.y) * shape.vocab;
  let end = min((group.x + 1u) * {{ slice }}u, shape.vocab);
  var sum = 0u;
  for (var i = group.x * {{ slice }}u + local; i < end; i += 64u) {
    let value = rows[base + i];
    var p = 0u;
    if (value >= cut.y) {
      p = select(0u, ONE, value > 0u);
    } else if (value >= cut.x) {
      p = divided(times_one(value), cut.y).x;
    }
    rows[base + i] = p;
    sum += p;
  }
  totals[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < 64u; i++) { sum += totals[i]; }
    floors[group.y * shape.slices + group.x] = sum;
  }
}
