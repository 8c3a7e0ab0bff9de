// select: appends the draft's greedy token behind the cursor and moves the cursor on to it.
//
// Dispatch: (1), workgroup 1. best: [1, slices] of argmax.wgsl.
struct Shape {
  vocab: u32,
  slices: u32,
}
struct Best {
  value: f32,
  index: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> best: array<Best>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>; // pass.wgsl: State

@compute @workgroup_size(1)
fn main() {
  var top = best[0];
  // Slices ascend, so only a greater value wins: the lowest index stays on ties.
  for (var i = 1u; i < shape.slices; i++) {
    if (best[i].value > top.value) { top = best[i]; }
  }
  state[1] += 1u;
  tokens[state[1]] = min(top.index, shape.vocab - 1u);
}
