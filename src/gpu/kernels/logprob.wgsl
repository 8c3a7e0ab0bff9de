// logprob: the log of softmax(logits / T) at each committed token, before anything was cut off.
//
// Dispatch: (1), workgroup 64 (at least max_rows): invocation m does row m. masses: [M, slices] of softmax.wgsl.
{% include "sampling.wgsl" %}
{% include "result.wgsl" %}
struct Shape {
  vocab: u32,
  slices: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> masses: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (m >= min(result.committed, {{ max_rows }}u)) { return; }
  let first = m * shape.slices;
  var top = masses[first].x;
  for (var s = 1u; s < shape.slices; s++) { top = max(top, masses[first + s].x); }
  var total = 0.0;
  for (var s = 0u; s < shape.slices; s++) {
    total += masses[first + s].y * exp((masses[first + s].x - top) * sampling.inverse_temperature);
  }
  let logit = logits[m * shape.vocab + min(result.tokens[m], shape.vocab - 1u)];
  result.logprobs[m] = (logit - top) * sampling.inverse_temperature - log(total);
}
