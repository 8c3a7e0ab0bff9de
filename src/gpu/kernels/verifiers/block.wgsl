// A block at once (arXiv 2403.10444), as verify/block.rs has it: see token.wgsl for what a verifier gives.

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

// Pi_i: how much of the first i proposals is wanted.
fn wanted(i: u32) -> u32 {
  var pi = ONE;
  for (var j = 0u; j < i; j++) {
    let x = tokens[state.length + 1u + j];
    pi = extended(pi, p(j, x), q(j, x, x));
  }
  return pi;
}
{% if decides %}
// How many of the first `drafted` proposals are kept, and Pi there.
fn accepted(drafted: u32) -> vec2<u32> {
  var best = vec2<u32>(0u, ONE);
  var pi = ONE;
  for (var i = 1u; i <= drafted; i++) {
    let x = tokens[state.length + i];
    pi = extended(pi, p(i - 1u, x), q(i - 1u, x, x));
    let word = random_word(state.length + i, ACCEPT);
    var keep = word >> 1u < pi;
    if (i < drafted) {
      let sum = sum_of(i).xy;
      let all = plus(sum, times_one(ONE - pi));
      keep = less(scaled(all, word), sum) || (all.x | all.y) == 0u;
    }
    if (keep) { best = vec2<u32>(i, pi); }
  }
  return best;
}
{% endif %}
