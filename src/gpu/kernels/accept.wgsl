// accept: greedy verification (arXiv 2211.17192 at temperature 0). Row m of the target's pass predicts the token behind
// tokens[length + m]; proposals are accepted while they are what the row before them predicts, then the target's own
// prediction is committed.
//
// Dispatch: (1), workgroup 64 (at least M). best: [M, slices] of argmax.wgsl.
{% include "state.wgsl" %}
{% include "sampling.wgsl" %}
{% include "best_of_row.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;
@group(0) @binding(7) var<storage, read_write> state: State;
{% include "commit.wgsl" %}
var<workgroup> predicted: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (m < {{ M }}u) {
    predicted[m] = predicted_id(m);
  }
  workgroupBarrier();
  if (m != 0u) { return; }
  if (state.halted.x != 0u) {
    commit_nothing();
    return;
  }
  var accepted = 0u;
  while (accepted < state.drafted && tokens[state.length + 1u + accepted] == predicted[accepted]) {
    result.overlaps[accepted] = ONE;
    accepted++;
  }
  result.overlaps[accepted] = 0u;
  commit(accepted, predicted[accepted]);
}
