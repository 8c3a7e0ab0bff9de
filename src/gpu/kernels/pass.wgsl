{% include "state.wgsl" %}
struct Pass {
  kind: u32,
  capacity: u32, // positions of the KV cache
}
const FILLS = 0u;      // reads a text: rows follow the length
const VERIFIES = 1u;   // reads a proposal: rows follow the length
const CATCHES_UP = 2u; // the draft reads what was committed: rows go back from the cursor
const DRAFTS = 3u;     // the draft says its next token: one row, at the cursor
@group(0) @binding(7) var<storage, read> state: State;
@group(0) @binding(8) var<uniform> pass_: Pass;

fn drafts() -> bool { return pass_.kind >= CATCHES_UP; }

// The absolute position of row m of this pass.
fn position(m: u32) -> u32 {
  return select(state.length + m, state.cursor - min(m, state.cursor), drafts());
}

// The rows of this pass that have anything to do: so many of the first.
fn live() -> u32 {
  if (!drafts()) {
    if (state.halted.x != 0u) { return 0u; }
    return select(0xffffffffu, state.drafted + 1u, pass_.kind == VERIFIES);
  }
  if (pass_.kind == CATCHES_UP && (state.halted.y == 0u || state.halted.y == FOUND)) {
    return state.cursor + 1u - min(state.read, state.cursor);
  }
  return select(0u, 1u, state.halted.y == 0u);
}
