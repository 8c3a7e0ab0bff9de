// attention_merge: out[m, h] from the sums of chunks that attention.wgsl left. One invocation for four elements.
//
// Dispatch: (ceil(heads * head_dim / 4 / 64), M), workgroup 64. out: [M, heads * head_dim / 4] of vec4.
{% include "pass.wgsl" %}
{% include "cache.wgsl" %}
{% include "merge.wgsl" %}
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let head = id.x / QUADS;
  let m = id.y;
  if (idle() || head >= shape.heads) { return; }
  let sight = sight_of(m);
  var mark = NO_MARK;
  var sum = vec4<f32>();
  for (var chunk = sight.x / CHUNK; chunk * CHUNK < sight.y; chunk++) {
    let at = partial_at(chunk, m, head);
    let merged = merge(mark, partials[at + QUADS].xy);
    mark = merged.mark;
    sum = fma(partials[at + id.x % QUADS], vec4<f32>(merged.weight), sum * merged.fade);
  }
  out[m * shape.out_stride + id.x] = sum / mark.y;
}
