// accept: greedy verification (arXiv 2211.17192 at temperature 0). Row m of the target's pass predicts the token behind
// tokens[length + m]; proposals are accepted while they are what the row before them predicts, then the target's own
// prediction is committed, and length and cursor move on to it.
//
// Dispatch: (1), workgroup 64 (at least M). best: [M, slices] of argmax.wgsl.
// result: accepted, length, then the committed tokens (accepted + 1).
{% include "best_of_row.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>; // pass.wgsl: State
@group(0) @binding(4) var<storage, read_write> result: array<u32>;
var<workgroup> predicted: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (m < {{ M }}u) {
    predicted[m] = predicted_id(m);
  }
  workgroupBarrier();
  if (m == 0u) {
    let length = state[0];
    let drafted = state[2];
    var accepted = 0u;
    while (accepted < drafted && tokens[length + 1u + accepted] == predicted[accepted]) {
      result[2u + accepted] = predicted[accepted];
      accepted++;
    }
    tokens[length + 1u + accepted] = predicted[accepted];
    result[2u + accepted] = predicted[accepted];
    result[0] = accepted;
    result[1] = length + 1u + accepted;
    state[0] = length + 1u + accepted;
    state[1] = length + 1u + accepted;
  }
}
