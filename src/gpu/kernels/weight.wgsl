// What is left of the target's law at each row of a proposal (arXiv 2211.17192 and 2403.10444), in whole numbers.
// Expects state.wgsl, wide.wgsl, ONE and `tokens`; the verifier's own file says what it weighs.
struct VerifyShape {
  vocab: u32,
  slices: u32,
  draft_vocab: u32,
}
@group(0) @binding(0) var<uniform> shape: VerifyShape;
@group(0) @binding(1) var<storage, read> target_rows: array<u32>; // [M, vocab]
@group(0) @binding(3) var<storage, read> draft_rows: array<u32>;  // [gamma, draft_vocab]

// 0 for an id that the target reads but never says.
fn p(i: u32, x: u32) -> u32 {
  if (x >= shape.vocab) { return 0u; }
  return target_rows[i * shape.vocab + x];
}

// The draft's probability of x at step i, where it proposed `proposed`.
fn q(i: u32, x: u32, proposed: u32) -> u32 {
  if (state.point_mass == 1u) { return select(0u, ONE, x == proposed); }
  if (x >= shape.draft_vocab) { return 0u; }
  return draft_rows[i * shape.draft_vocab + x];
}
{% include verifier %}
// What is left at row i; behind the whole proposal it is the target's law itself.
fn weight_of(i: u32, x: u32, pi: u32, proposed: u32) -> vec2<u32> {
  if (i == state.drafted) { return vec2<u32>(p(i, x), 0u); }
  return weight(pi, p(i, x), q(i, x, proposed));
}
