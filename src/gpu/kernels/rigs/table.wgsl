// table: logits of a made-up model whose next token depends on the last two: what the sampler is tested with, without
// the cost of a real one. The draft's are the target's, mixed with others.
//
// Dispatch: (ceil(vocab / 64), M), workgroup 64. The same in gpu/rigs/rig.rs.
{% include "pass.wgsl" %}
{% include "wide.wgsl" %}
{% include "philox.wgsl" %}
struct Shape {
  vocab: u32,
  spread: f32,   // logits lie between -spread / 2 and spread / 2
  likeness: f32, // of the draft to the target: 1 is the same, 0 has nothing of it
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;

fn noise(context: vec2<u32>, id: u32, model: u32) -> f32 {
  let word = philox(vec4<u32>(context, id, model), vec2<u32>(17u, 0u)).x;
  return (f32(word >> 8u) / 16777216.0 - 0.5) * shape.spread;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.y >= live() || id.x >= shape.vocab) { return; }
  let last = position(id.y);
  let context = vec2<u32>(tokens[last], tokens[max(last, 1u) - 1u]);
  var logit = noise(context, id.x, 0u);
  if (drafts()) { logit = mix(noise(context, id.x, 1u), logit, shape.likeness); }
  logits[id.y * shape.vocab + id.x] = logit;
}
