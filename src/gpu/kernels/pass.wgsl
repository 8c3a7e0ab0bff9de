{% include "state.wgsl" %}
struct Pass {
  draft: u32,    // 1: rows follow the cursor, 0: rows follow the length
  back: u32,     // rows begin so many positions earlier
  capacity: u32, // positions of the KV cache
}
@group(0) @binding(7) var<storage, read> state: State;
@group(0) @binding(8) var<uniform> pass_: Pass;

// The absolute position of row m of this pass.
fn position(m: u32) -> u32 {
  let base = select(state.length, state.cursor, pass_.draft == 1u);
  return max(base, pass_.back) - pass_.back + m;
}

// Whether the round has nothing left to do here.
fn idle() -> bool { return state.halted[pass_.draft] != 0u; }
