// peak: multiply-adds and nothing else, to know what the machine could do. {{ chains }} independent chains of vec4 an
// invocation, {{ steps }} steps each. Dispatch: any, workgroup 64; out: one f32 an invocation.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let a = vec4<f32>(0.5 + f32(id.x) * 1e-9);
{%- for c in range(chains) %}
  var x{{ c }} = vec4<f32>({{ c }}.0);
{%- endfor %}
  for (var i = 0u; i < {{ steps }}u; i++) {
{%- for c in range(chains) %}
    x{{ c }} = x{{ c }} * a + a;
{%- endfor %}
  }
  let x = x0{% for c in range(1, chains) %} + x{{ c }}{% endfor %};
  out[id.x] = x.x + x.y + x.z + x.w;
}
