// truncate: the least whole probability that top-k, top-p and min-p keep in row m, and what is kept in all.
//
// Radix selection, 8 bits at a time: a histogram of the values that share the digits found so far says which next digit
// the searched value has. Sums of whole numbers have no order. One workgroup of 256 a row; dispatch: (1, M).
// cuts: (threshold, sum of what is kept) of each row.
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
{% include "row_shape.wgsl" %}
{% include "wide.wgsl" %}
@group(0) @binding(2) var<storage, read> sums: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> cuts: array<vec2<u32>>;
var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> weights: array<atomic<u32>, 256>;
var<workgroup> found: vec3<u32>; // digits so far, count above, weight above

// The greatest value v such that at least `count` values, or values of at least `weight` in all, are >= v and >= floor_.
fn select_value(base: u32, local: u32, floor_: u32, count: u32, weight: u32) -> u32 {
  if (local == 0u) { found = vec3<u32>(); }
  for (var shift = 24i; shift >= 0i; shift -= 8i) {
    atomicStore(&counts[local], 0u);
    atomicStore(&weights[local], 0u);
    workgroupBarrier();
    let digits = workgroupUniformLoad(&found);
    for (var i = local; i < shape.vocab; i += 256u) {
      let value = rows[base + i];
      // Above the digits that are being decided, value and digits must agree (a shift by 32 is not a shift).
      let same = shift == 24i || (value >> u32(shift + 8i)) == (digits.x >> u32(shift + 8i));
      if (value != 0u && value >= floor_ && same) {
        let digit = (value >> u32(shift)) & 0xffu;
        atomicAdd(&counts[digit], 1u);
        atomicAdd(&weights[digit], value);
      }
    }
    workgroupBarrier();
    if (local == 0u) {
      var above = digits.yz;
      var digit = 255u;
      loop {
        let next = above + vec2<u32>(atomicLoad(&counts[digit]), atomicLoad(&weights[digit]));
        if (next.x >= count || next.y >= weight || digit == 0u) { break; }
        above = next;
        digit--;
      }
      found = vec3<u32>(digits.x | (digit << u32(shift)), above);
    }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&found).x;
}

// The sum of the values >= threshold.
fn kept(base: u32, local: u32, threshold: u32) -> u32 {
  if (local == 0u) { atomicStore(&weights[0], 0u); }
  workgroupBarrier();
  var sum = 0u;
  for (var i = local; i < shape.vocab; i += 256u) {
    let value = rows[base + i];
    if (value >= threshold) { sum += value; }
  }
  atomicAdd(&weights[0], sum);
  workgroupBarrier();
  if (local == 0u) { found = vec3<u32>(atomicLoad(&weights[0])); }
  return workgroupUniformLoad(&found).x;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (group.y >= live()) { return; }
  let base = row_of(group.y) * shape.vocab;
  var greatest = 0u;
  for (var s = 0u; s < shape.slices; s++) { greatest = max(greatest, sums[group.y * shape.slices + s].y); }
  var threshold = 1u;
  if (sampling.top_k != 0u && sampling.top_k < shape.vocab) {
    threshold = max(1u, select_value(base, local, 1u, sampling.top_k, 0xffffffffu));
  }
  var mass = kept(base, local, threshold);
  if (sampling.top_p < ONE) {
    // ceil(mass * top_p / 2^31)
    let wanted = plus(product(mass, sampling.top_p), vec2<u32>(0x7fffffffu, 0u));
    let least = max(1u, (wanted.y << 1u) | (wanted.x >> 31u));
    threshold = max(threshold, select_value(base, local, threshold, 0xffffffffu, least));
  }
  let share = plus(product(greatest, sampling.min_p), vec2<u32>(0x7fffffffu, 0u));
  threshold = max(threshold, (share.y << 1u) | (share.x >> 31u));
  mass = kept(base, local, threshold);
  if (local == 0u) { cuts[group.y] = vec2<u32>(threshold, mass); }
}
