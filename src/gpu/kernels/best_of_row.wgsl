{% include "best.wgsl" %}
@group(0) @binding(1) var<storage, read> best: array<Best>; // [M, slices]

// The id of row m's greatest logit. Slices ascend, so only a greater value wins: the lowest id stays on ties.
fn predicted_id(m: u32) -> u32 {
  var top = best[m * shape.slices];
  for (var i = 1u; i < shape.slices; i++) {
    if (best[m * shape.slices + i].value > top.value) { top = best[m * shape.slices + i]; }
  }
  return min(top.index, shape.vocab - 1u);
}
