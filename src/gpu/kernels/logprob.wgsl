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
{%- include "mass_of_row.wgsl" %}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (m >= min(result.committed, {{ max_rows }}u)) { return; }
  let mass = mass_of_row(m);
  let logit = logits[m * shape.vocab + min(result.tokens[m], shape.vocab - 1u)];
  result.logprobs[m] = (logit - mass.x) * sampling.inverse_temperature - log(mass.y);
}
