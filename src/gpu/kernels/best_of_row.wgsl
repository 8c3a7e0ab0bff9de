{% include "best.wgsl" %}
@group(0) @binding(1) var<storage, read> best: array<Best>; // [M, slices]

// The id of row m's greatest logit, or FAULTY. Slices ascend, so only a greater value wins: the lowest id stays on ties.
fn predicted_id(m: u32) -> u32 {
  var top = best[m * shape.slices];
  var faulty = top.index == FAULTY;
  for (var i = 1u; i < shape.slices; i++) {
    let slice = best[m * shape.slices + i];
    faulty |= slice.index == FAULTY;
    if (top.index == NOTHING || (slice.index != NOTHING && slice.value > top.value)) { top = slice; }
  }
  return select(top.index, FAULTY, faulty || top.index == NOTHING);
}
