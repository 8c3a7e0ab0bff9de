// adjust: logit biases, then penalties of the tokens in the last `window` of each row's own history, in place.
//
// One invocation for a token of the history or for a bias; the one of a token's last occurrence does its id, and an id
// that is in the history has its bias applied there. Dispatch: (ceil((256 + biases) / 64), M), workgroup 64.
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
struct Shape {
  vocab: u32,
}
const WINDOW = {{ max_window }}u;
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;

fn bias_of(id: u32) -> f32 {
  for (var i = 0u; i < sampling.biases; i++) {
    if (sampling.bias[i].x == id) { return bitcast<f32>(sampling.bias[i].y); }
  }
  return 0.0;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.y >= live()) { return; }
  let last = position(id.y);
  let window = min(sampling.window, last + 1u);
  let row = id.y * shape.vocab;
  if (id.x >= WINDOW) {
    if (id.x - WINDOW >= sampling.biases) { return; }
    let bias = sampling.bias[id.x - WINDOW];
    for (var i = 0u; i < window; i++) {
      if (tokens[last - i] == bias.x) { return; }
    }
    if (bias.x < shape.vocab) { logits[row + bias.x] += bitcast<f32>(bias.y); }
    return;
  }
  if (id.x >= window) { return; }
  let token = tokens[last - id.x];
  if (token >= shape.vocab) { return; }
  var count = 0.0;
  for (var i = 0u; i < window; i++) {
    if (tokens[last - i] == token) {
      if (i < id.x) { return; }
      count += 1.0;
    }
  }
  var logit = logits[row + token] + bias_of(token);
  if (logit > 0.0) { logit /= sampling.repeat; } else { logit *= sampling.repeat; }
  logits[row + token] = logit - sampling.presence - count * sampling.frequency;
}
