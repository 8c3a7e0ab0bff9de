// pick: what argmax.wgsl and select.wgsl do of a draft's one row, in one workgroup and without a detour over the target's ids: the
// greatest logit, the lowest of equal ones, and its id behind the cursor.
//
// Dispatch: (1), workgroup {{ workgroup }}. Each invocation looks at every {{ workgroup }}th vec4 of logits, {{ at_once }} of them at once.
{% include "state.wgsl" %}
{% include "sound.wgsl" %}
struct Shape {
  ids: u32,   // that the draft says
  vocab: u32, // ids of the target
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<vec4<u32>>; // bits of f32
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
{%- if some %}
@group(0) @binding(3) var<storage, read> target_id: array<u32>; // ascending
{%- endif %}
@group(0) @binding(7) var<storage, read_write> state: State;
const NOTHING = 0xffffffffu; // no finite logit
var<workgroup> values: array<f32, {{ workgroup }}>;
var<workgroup> indices: array<u32, {{ workgroup }}>;
var<private> value: f32 = -3.4e38;
var<private> index: u32 = NOTHING;

fn consider(i: u32, bits: u32) {
  let candidate = bitcast<f32>(bits);
  if (i < shape.ids && is_finite(bits) && (candidate > value || index == NOTHING)) {
    value = candidate;
    index = i;
  }
}

@compute @workgroup_size({{ workgroup }})
fn main(@builtin(local_invocation_index) local: u32) {
  let quads = (shape.ids + 3u) / 4u;
  for (var i = local; i < quads; i += {{ workgroup * at_once }}u) {
{%- for k in range(at_once) %}
    let bits{{ k }} = logits[min(i + {{ k * workgroup }}u, quads - 1u)];
{%- endfor %}
{%- for k in range(at_once) %}
    if (i + {{ k * workgroup }}u < quads) {
  {%- for c in range(4) %}
      consider(4u * (i + {{ k * workgroup }}u) + {{ c }}u, bits{{ k }}[{{ c }}]);
  {%- endfor %}
    }
{%- endfor %}
  }
  values[local] = value;
  indices[local] = index;
  for (var width = {{ workgroup // 2 }}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) {
      let other = values[local + width];
      let at = indices[local + width];
      if (at != NOTHING && (indices[local] == NOTHING || other > values[local] || (other == values[local] && at < indices[local]))) {
        values[local] = other;
        indices[local] = at;
      }
    }
  }
  if (local != 0u || state.halted.y != 0u) { return; }
  state.cursor += 1u;
  // Whatever a faulty draft proposes: it changes no text.
  let best = min(indices[0], shape.ids - 1u);
  tokens[state.cursor] = {% if some %}target_id[best]{% else %}min(best, shape.vocab - 1u){% endif %};
}
