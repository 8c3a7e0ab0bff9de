// What is left of the target's law at each row of a proposal (ALGORITHMS 1.1 and 14.1), in whole numbers.
// Expects state.wgsl, wide.wgsl and ONE.
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
{% if block %}
// Pi after a token of probability p_x and q_x: min(ONE, floor(pi * p / q)).
fn extended(pi: u32, p_x: u32, q_x: u32) -> u32 {
  let mass = product(pi, p_x);
  if (!less(mass, times_one(q_x))) { return ONE; }
  return divided(mass, q_x).x;
}

// pi * p - q * Pi_next(x) in units of 2^-62: exactly what a proposal of x leaves of the target's law.
fn weight(pi: u32, p_x: u32, q_x: u32) -> vec2<u32> {
  let mass = product(pi, p_x);
  let proposed = times_one(q_x);
  if (!less(mass, proposed)) { return minus(mass, proposed); }
  return vec2<u32>(divided(mass, q_x).y, 0u);
}
{% else %}
// (p - q)_+; pi is of block verification.
fn weight(pi: u32, p_x: u32, q_x: u32) -> vec2<u32> { return vec2<u32>(p_x - min(p_x, q_x), 0u); }
{% endif %}
// The same at row i; behind the whole proposal it is the target's law itself.
fn weight_of(i: u32, x: u32, pi: u32, proposed: u32) -> vec2<u32> {
  if (i == state.drafted) { return vec2<u32>(p(i, x), 0u); }
  return weight(pi, p(i, x), q(i, x, proposed));
}
