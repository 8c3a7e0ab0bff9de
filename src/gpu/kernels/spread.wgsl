// spread: logits[m, v] = said[m, draft_id[v]], the draft's logits over the target's ids; ids that it cannot say get
// UNSAYABLE (sampling/mod.rs).
//
// Dispatch: (ceil(vocab / 64), M), workgroup 64.
struct Shape {
  vocab: u32,     // target ids
  draft_ids: u32,
}
const NONE = 0xffffffffu;
const UNSAYABLE = -1e30;
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> said: array<f32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;
@group(0) @binding(3) var<storage, read> draft_id: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.vocab) { return; }
  let own = draft_id[id.x];
  var logit = UNSAYABLE;
  if (own != NONE) { logit = said[id.y * shape.draft_ids + own]; }
  logits[id.y * shape.vocab + id.x] = logit;
}
