// lookup: proposes what followed the longest earlier match of the text's end, the latest of equally long ones; no more tokens
// than match, and than are asked for. drafters/lookup.rs has the same on the host.
//
// Dispatch: (1), workgroup 256. An invocation compares the text's end with every 256th place; of all matches the greatest
// (length, place) wins, which has no order.
{% include "state.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(7) var<storage, read_write> state: State;
const PLACE_BITS = 26u;
var<workgroup> best: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
  if (local == 0u) { atomicStore(&best, 0u); }
  workgroupBarrier();
  let last = state.length;
  for (var end = local + {{ min_match - 1 }}u; end < last; end += 256u) {
    var length = 0u;
    while (length <= end && length < {{ max_match }}u && tokens[end - length] == tokens[last - length]) { length++; }
    if (length >= {{ min_match }}u) { atomicMax(&best, (length << PLACE_BITS) | end); }
  }
  workgroupBarrier();
  let found = atomicLoad(&best);
  let count = min(found >> PLACE_BITS, state.lookup);
  if (count == 0u || state.halted.x != 0u) { return; }
  // Where the copy reaches the text's end it goes on in itself.
  let end = found & ((1u << PLACE_BITS) - 1u);
  if (local < count) { tokens[last + 1u + local] = tokens[end + 1u + local % (last - end)]; }
  if (local == 0u) {
    state.drafted = count;
    state.point_mass = 1u;
    state.halted.y = FOUND;
  }
}
