// What a round tells the host.
struct Result {
  accepted: u32,  // committed proposals
  committed: u32, // tokens
  length: u32,    // as in State
  halted: u32,
  drafted: u32,
  point_mass: u32,
  epoch: u32,
  tokens: array<u32, {{ max_rows }}>,
  overlaps: array<u32, {{ max_rows }}>, // sum of min(f(p), q) at each tested row, in units of ONE
  excess: array<u32, {{ max_rows }}>,   // how much that is more than the sum of min(p, q)
  logprobs: array<f32, {{ max_rows }}>, // of each token, where they are asked for
}
@group(0) @binding(4) var<storage, read_write> result: Result;
