// Token by token (arXiv 2211.17192), as verify/token.rs has it. A file of this folder gives `weight` and
// `wanted`, and where `decides` (verify.wgsl) `accepted`. Expects weight.wgsl, wide.wgsl and `tokens`.

// (p - q)_+; pi is of verifiers that judge tokens together.
fn weight(pi: u32, p_x: u32, q_x: u32) -> vec2<u32> { return vec2<u32>(p_x - min(p_x, q_x), 0u); }

// How much of the first i proposals is wanted.
fn wanted(i: u32) -> u32 { return ONE; }
{% if decides %}
// How many of the first `drafted` proposals are kept, and how much of them is wanted.
fn accepted(drafted: u32) -> vec2<u32> {
  var i = 0u;
  while (i < drafted) {
    let x = tokens[state.length + 1u + i];
    let word = random_word(state.length + 1u + i, ACCEPT);
    if (product(word, q(i, x, x)).y >= lenient(p(i, x))) { break; }
    i++;
  }
  return vec2<u32>(i, ONE);
}
{% endif %}
