// select: appends the draft's greedy token behind the cursor and moves the cursor on to it, or does not go on where the
// draft gives it less than the confidence that is asked for.
//
// Dispatch: (1), workgroup 1. best: [1, slices] of argmax.wgsl.
{% include "state.wgsl" %}
{% include "sampling.wgsl" %}
{% include "best_of_row.wgsl" %}
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(7) var<storage, read_write> state: State;
{%- if confident %}
@group(0) @binding(3) var<storage, read> sampling: Sampling;
@group(0) @binding(4) var<storage, read> masses: array<vec2<f32>>; // [1, slices] of softmax.wgsl
{%- include "mass_of_row.wgsl" %}
{%- endif %}

@compute @workgroup_size(1)
fn main() {
  if (state.halted.y != 0u) { return; }
{%- if confident %}
  if (1.0 / mass_of_row(0u).y < sampling.confidence) {
    state.halted.y = UNSURE;
    state.drafted = state.cursor - state.length;
    return;
  }
{%- endif %}
  state.cursor += 1u;
  // Whatever a faulty draft proposes: it changes no text.
  tokens[state.cursor] = min(predicted_id(0u), shape.vocab - 1u);
}
