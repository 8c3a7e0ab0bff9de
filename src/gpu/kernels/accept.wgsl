// accept: greedy verification (arXiv 2211.17192 at temperature 0). Row m of the target's pass predicts the token behind
// tokens[length + m]; proposals are accepted while they are what the row before them predicts, then the target's own
// prediction is committed.{% if lenient %} Lossy: accepted are all whose logit is within a margin of the greatest.{% endif %}
//
// Dispatch: (1), workgroup 64 (at least M). best: [M, slices] of argmax.wgsl.
{% include "state.wgsl" %}
{% include "sampling.wgsl" %}
{% include "best_of_row.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;
@group(0) @binding(7) var<storage, read_write> state: State;
{% include "commit.wgsl" %}
{%- if lenient %}
@group(0) @binding(5) var<storage, read> logits: array<f32>; // [M, vocab]

fn accepts(m: u32, token: u32, best: u32) -> bool {
  if (token == best || best == FAULTY) { return token == best; }
  let row = m * shape.vocab;
  return token < shape.vocab && logits[row + token] >= logits[row + best] + bitcast<f32>(sampling.lenience);
}
{%- else %}

fn accepts(m: u32, token: u32, best: u32) -> bool { return token == best; }
{%- endif %}
var<workgroup> predicted: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (m <= state.drafted) {
    predicted[m] = predicted_id(m);
  }
  workgroupBarrier();
  if (m != 0u) { return; }
  if (state.halted.x != 0u) {
    commit_nothing();
    return;
  }
  var accepted = 0u;
  while (accepted < state.drafted) {
    let token = tokens[state.length + 1u + accepted];
    if (!accepts(accepted, token, predicted[accepted])) { break; }
    result.overlaps[accepted] = ONE;
    result.excess[accepted] = select(ONE, 0u, token == predicted[accepted]);
    accepted++;
  }
  result.overlaps[accepted] = 0u;
  result.excess[accepted] = 0u;
  if (predicted[accepted] == FAULTY) {
    commit_fault(accepted);
    return;
  }
  commit(accepted, predicted[accepted]);
}
