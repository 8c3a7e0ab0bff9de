// verify: speculative sampling in whole numbers by the rule of `verifier`, then the target's own token from what the
// proposal leaves of its law, then commit.
//
// Dispatch: (1), workgroup 64. sums: [M, slices] of residual.wgsl. src/verify has the same on the host.
{% include "state.wgsl" %}
{% include "sampling.wgsl" %}
{% include "wide.wgsl" %}
@group(0) @binding(7) var<storage, read_write> state: State;
{% include "philox.wgsl" %}
{% include "weight.wgsl" %}
{% include "faulty.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(5) var<storage, read> sums: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> sampling: Sampling;
{% include "commit.wgsl" %}
{% include "lenient.wgsl" %}
struct Choice {
  row: u32,
  pi: u32,
  slice: u32,
  proposed: u32,
  left: vec2<u32>, // what is left of the target sum inside the slice
  going: u32,
}
var<workgroup> chosen: Choice;
var<workgroup> chunks: array<vec2<u32>, 64>;

// The weights of row i in all, of min(f(p), q), and how much that is more than min(p, q).
fn sum_of(i: u32) -> vec4<u32> {
  var sum = vec4<u32>();
  for (var s = 0u; s < shape.slices; s++) {
    let slice = sums[i * shape.slices + s];
    sum = vec4<u32>(plus(sum.xy, slice.xy), sum.z + slice.z, sum.w + slice.w);
  }
  return sum;
}

// Where the proposal ends: at its end, or at the first row that is faulty (cpu/session/propose.rs: end_at_fault).
fn last_row() -> u32 {
  var i = 0u;
  while (i < state.drafted && target_rows[i * shape.vocab] != FAULTY) { i++; }
  return i;
}

// What the first `tested` proposals were up against.
fn tell_overlaps(tested: u32) {
  for (var i = 0u; i < min(tested, {{ max_rows }}u); i++) {
    let sum = sum_of(i);
    result.overlaps[i] = sum.z;
    result.excess[i] = sum.w;
  }
}

fn choose() -> Choice {
  let kept = accepted(last_row());
  var choice: Choice;
  choice.row = kept.x;
  if (target_rows[kept.x * shape.vocab] == FAULTY) { return choice; }
  choice.pi = kept.y;
  choice.proposed = tokens[state.length + 1u + kept.x];
  choice.left = scaled(sum_of(kept.x).xy, random_word(state.length + 1u + kept.x, RESIDUAL));
  while (choice.slice + 1u < shape.slices) {
    let sum = sums[kept.x * shape.slices + choice.slice].xy;
    if (less(choice.left, sum)) { break; }
    choice.left = minus(choice.left, sum);
    choice.slice++;
  }
  choice.going = 1u;
  return choice;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  if (local == 0u) {
    if (state.halted.x != 0u) {
      commit_nothing();
      chosen.going = 0u;
    } else {
      chosen = choose();
      if (chosen.going == 0u) {
        tell_overlaps(chosen.row);
        commit_fault(chosen.row);
      }
    }
  }
  let choice = workgroupUniformLoad(&chosen);
  if (choice.going == 0u) { return; }
  let begin = choice.slice * {{ slice }}u;
  let end = min(begin + {{ slice }}u, shape.vocab);
  var sum = vec2<u32>();
  for (var x = begin + local * {{ slice // 64 }}u; x < min(begin + (local + 1u) * {{ slice // 64 }}u, end); x++) {
    sum = plus(sum, weight_of(choice.row, x, choice.pi, choice.proposed));
  }
  chunks[local] = sum;
  workgroupBarrier();
  if (local != 0u) { return; }
  var left = choice.left;
  var chunk = 0u;
  while (chunk < 63u && !less(left, chunks[chunk])) {
    left = minus(left, chunks[chunk]);
    chunk++;
  }
  var x = begin + chunk * {{ slice // 64 }}u;
  loop {
    let weight = weight_of(choice.row, x, choice.pi, choice.proposed);
    if (less(left, weight) || x + 1u >= end) { break; }
    left = minus(left, weight);
    x++;
  }
  tell_overlaps(choice.row + 1u);
  commit(choice.row, x);
}
