// integers: probabilities as whole numbers, P0 = round(softmax * 2^31); from here on everything is exact.
//
// Dispatch: (slices, M), workgroup 64. sums: (sum, greatest, its first index, kinds of logits) of each
// slice; kinds: bit 0 for a fault, bit 1 for a finite one.
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
{% include "row_shape.wgsl" %}
{% include "sound.wgsl" %}
@group(0) @binding(1) var<storage, read> logits: array<u32>; // bits of f32
@group(0) @binding(2) var<storage, read> masses: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec4<u32>>; // [M, slices]
{%- include "mass_of_row.wgsl" %}
var<workgroup> totals: array<vec3<u32>, 64>;
var<workgroup> seen: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (group.y >= live()) { return; }
  let first = group.y * shape.slices;
  let mass = mass_of_row(group.y);
  let top = mass.x;
  let total = mass.y;
  let to = row_of(group.y) * shape.vocab;
  let end = min((group.x + 1u) * {{ slice }}u, shape.vocab);
  var mine = vec3<u32>(0u, 0u, 0xffffffffu);
  var kinds = 0u;
  for (var i = group.x * {{ slice }}u + local; i < end; i += 64u) {
    let bits = logits[group.y * shape.vocab + i];
    kinds |= select(0u, 1u, is_fault(bits)) | select(0u, 2u, is_finite(bits));
    var p = 0u;
    if (is_finite(bits)) {
      let share = exp((bitcast<f32>(bits) - top) * sampling.inverse_temperature) / total;
      p = min(u32(share * 2147483648.0 + 0.5), ONE);
    }
    rows[to + i] = p;
    mine.x += p;
    if (p > mine.y) { mine = vec3<u32>(mine.x, p, i); }
  }
  totals[local] = mine;
  seen[local] = kinds;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < 64u; i++) {
      let other = totals[i];
      mine.x += other.x;
      kinds |= seen[i];
      if (other.y > mine.y || (other.y == mine.y && other.z < mine.z)) { mine = vec3<u32>(mine.x, other.yz); }
    }
    sums[first + group.x] = vec4<u32>(mine, kinds);
  }
}
