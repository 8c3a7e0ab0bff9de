// draw: settles the draft's row, draws its token from it (sampling/pick.rs), appends it behind the cursor and moves
// the cursor on to it. Before that it may decide not to go on: the greatest probability is no secret of the draw, so the
// law stays the target's (docs/algorithms.md: predictable ends).
//
// Dispatch: (1), workgroup 64. rows: [gamma, vocab].
{% include "state.wgsl" %}
{% include "sampling.wgsl" %}
{% include "wide.wgsl" %}
{% include "philox.wgsl" %}
struct RowShape {
  vocab: u32,
  slices: u32,
}
@group(0) @binding(0) var<uniform> shape: RowShape;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<storage, read> sampling: Sampling;
@group(0) @binding(7) var<storage, read_write> state: State;
fn row_of(m: u32) -> u32 { return state.cursor - state.length; }
{% include "settle_row.wgsl" %}
var<workgroup> chunks: array<u32, 64>;
var<workgroup> chosen: vec3<u32>; // slice, what is left of the target, whether to go on

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  if (local == 0u) {
    var go = state.halted.y == 0u;
    if (go) {
      if (f32(settle(0u)) < sampling.confidence * 2147483648.0) {
        state.halted.y = UNSURE;
        state.drafted = state.cursor - state.length;
        go = false;
      }
    }
    var target_ = random_word(state.cursor + 1u, DRAFT) >> 1u;
    var slice = 0u;
    while (slice + 1u < shape.slices && target_ >= floors[slice]) {
      target_ -= floors[slice];
      slice++;
    }
    chosen = vec3<u32>(slice, target_, select(0u, 1u, go));
  }
  storageBarrier();
  let choice = workgroupUniformLoad(&chosen);
  if (choice.z == 0u) { return; }
  let row = row_of(0u) * shape.vocab;
  let begin = choice.x * {{ slice }}u;
  let end = min(begin + {{ slice }}u, shape.vocab);
  var sum = 0u;
  for (var i = begin + local * {{ slice // 64 }}u; i < min(begin + (local + 1u) * {{ slice // 64 }}u, end); i++) { sum += rows[row + i]; }
  chunks[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    var left = choice.y;
    var chunk = 0u;
    while (chunk < 63u && left >= chunks[chunk]) {
      left -= chunks[chunk];
      chunk++;
    }
    var i = begin + chunk * {{ slice // 64 }}u;
    while (i + 1u < end && left >= rows[row + i]) {
      left -= rows[row + i];
      i++;
    }
    state.cursor += 1u;
    tokens[state.cursor] = i;
  }
}
