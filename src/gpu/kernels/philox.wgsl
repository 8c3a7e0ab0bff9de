// Philox4x32-10 (doi 10.1145/2063384.2063405): random words from counters, the same on every device.
// Expects wide.wgsl and state.wgsl.
const DRAFT = 0u;    // draws a draft token
const ACCEPT = 1u;   // accepts a proposal
const RESIDUAL = 2u; // draws the target's own token

fn philox(counter: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var key = seed;
  for (var round = 0u; round < 10u; round++) {
    let a = product(0xd2511f53u, c.x);
    let b = product(0xcd9e8d57u, c.z);
    c = vec4<u32>(b.y ^ c.y ^ key.x, b.x, a.y ^ c.w ^ key.y, a.x);
    key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// The random word of the decision about the token at `position`.
fn random_word(position: u32, stream: u32) -> u32 {
  return philox(vec4<u32>(position, stream, 0u, state.epoch), state.seed).x;
}
