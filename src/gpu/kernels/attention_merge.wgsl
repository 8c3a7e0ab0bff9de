// attention_merge: out[m, h] from the sums of chunks that attention.wgsl left. One invocation for four elements.
//
// Dispatch: (ceil(heads * head_dim / 4 / 64), M), workgroup 64. out: [M, heads * head_dim / 4] of vec4.
{% include "pass.wgsl" %}
{% include "cache.wgsl" %}
{% include "merge.wgsl" %}
{% include "merged.wgsl" %}
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  if (m >= live() || id.x >= attend.heads * QUADS) { return; }
  out[m * attend.out_stride + id.x] = merged(m, id.x);
}
