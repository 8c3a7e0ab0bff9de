// Commits a round: the accepted prefix of the proposal and one token of the target's own, up to the first stop token
// and to the context's limit. Expects sampling.wgsl, `tokens`, `state`, `sampling`.
{% include "result.wgsl" %}

fn is_stop(token: u32) -> bool {
  for (var i = 0u; i < sampling.stops; i++) {
    if (sampling.stop[i] == token) { return true; }
  }
  return false;
}

fn commit(accepted: u32, next: u32) {
  var halt = 0u;
  var count = 0u;
  loop {
    let at = state.length + 1u + count;
    if (count == accepted) { tokens[at] = next; }
    let token = tokens[at];
    result.tokens[count] = token;
    count++;
    if (is_stop(token)) { halt = STOPPED; } else if (at + 1u >= state.limit) { halt = FULL; }
    if (halt != 0u || count > accepted) { break; }
  }
  result.accepted = min(accepted, count);
  result.committed = count;
  result.drafted = state.drafted;
  result.point_mass = state.point_mass;
  result.epoch = state.epoch;
  if (state.model != 0u) {
    let read = state.length + 1u;
    state.read = min(select(read, max(read, state.cursor), state.own == 1u), state.length + count);
  }
  state.length += count;
  state.cursor = state.length;
  state.drafted = state.model;
  state.point_mass = 0u;
  state.epoch += 1u;
  state.halted = vec2<u32>(halt);
  result.length = state.length;
  result.halted = halt;
}

// The row that the target's own token would come from is no row of numbers. What was accepted is committed as it would be
// without drafting, the last of it in the place of that token; the next round meets the row with nothing accepted, and ends.
fn commit_fault(accepted: u32) {
  if (accepted > 0u) {
    commit(accepted - 1u, tokens[state.length + accepted]);
    return;
  }
  state.halted = vec2<u32>(FAULT);
  commit_nothing();
}

// A round after the last one.
fn commit_nothing() {
  result.accepted = 0u;
  result.committed = 0u;
  result.drafted = 0u;
  result.length = state.length;
  result.halted = state.halted.x;
}
