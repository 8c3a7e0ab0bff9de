// record: where a text of the rig is complete, notes it and begins another one, with another seed. With `frozen` it takes
// the round's number back, which no sampler may do: the negative control of tests of the law.
//
// Dispatch: (1), workgroup 1. texts: the number of texts, then the texts.
{% include "state.wgsl" %}
struct Shape {
  length: u32,  // tokens of a text
  drafted: u32,
  frozen: u32,
  count: u32,   // texts wanted
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> texts: array<u32>;
@group(0) @binding(7) var<storage, read_write> state: State;
const PROMPT = 2u;

@compute @workgroup_size(1)
fn main() {
  if (shape.frozen == 1u) { state.epoch = 0u; }
  let n = texts[0];
  if (state.halted.x == 0u || n == shape.count) { return; }
  for (var i = 0u; i < shape.length; i++) {
    texts[1u + n * shape.length + i] = tokens[PROMPT + i];
  }
  texts[0] = n + 1u;
  state.length = PROMPT - 1u;
  state.cursor = PROMPT - 1u;
  state.drafted = shape.drafted;
  state.point_mass = 0u;
  state.limit = PROMPT + shape.length;
  state.epoch = 0u;
  state.seed.x += 1u;
  state.halted = vec2<u32>();
}
