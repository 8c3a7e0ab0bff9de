// select: appends the draft's greedy token behind the cursor and moves the cursor on to it.
//
// Dispatch: (1), workgroup 1. best: [1, slices] of argmax.wgsl.
{% include "best_of_row.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>; // pass.wgsl: State

@compute @workgroup_size(1)
fn main() {
  state[1] += 1u;
  tokens[state[1]] = predicted_id(0u);
}
