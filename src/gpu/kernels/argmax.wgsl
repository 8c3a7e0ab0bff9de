// argmax: best[m, s] = (value, index) of the greatest logit of slice s of row m, the lowest index on ties.
//
// Dispatch: (slices, M), workgroup 64; a slice has {{ slice }} logits.
// A slice with a fault has the index FAULTY, one without a finite logit NOTHING.
{% include "best.wgsl" %}
{% include "pass.wgsl" %}
{% include "sound.wgsl" %}
@group(0) @binding(1) var<storage, read> logits: array<u32>; // bits of f32
@group(0) @binding(2) var<storage, read_write> best: array<Best>;
var<workgroup> found: array<Best, 64>;

fn better(a: Best, b: Best) -> bool {
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (group.y >= live()) { return; }
  let end = min((group.x + 1u) * {{ slice }}u, shape.vocab);
  var mine = Best(-3.4e38, NOTHING);
  var fault = false;
  for (var i = group.x * {{ slice }}u + local; i < end; i += 64u) {
    let bits = logits[group.y * shape.vocab + i];
    fault |= is_fault(bits);
    let candidate = Best(bitcast<f32>(bits), i);
    if (is_finite(bits) && better(candidate, mine)) { mine = candidate; }
  }
  if (fault) { mine.index = FAULTY; }
  found[local] = mine;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < 64u; i++) {
      if (found[i].index == FAULTY || mine.index == FAULTY) {
        mine.index = FAULTY;
      } else if (better(found[i], mine)) {
        mine = found[i];
      }
    }
    best[group.y * shape.slices + group.x] = mine;
  }
}
