// settle: every row of P that is verified sums to exactly 2^31; a row whose logits are not sound is marked with FAULTY instead, in its first
// place. Dispatch: (1), workgroup 64 (at least M).
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
{% include "row_shape.wgsl" %}
{% include "faulty.wgsl" %}
{% include "settle_row.wgsl" %}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (m >= live()) { return; }
  var kinds = 0u;
  for (var s = 0u; s < shape.slices; s++) { kinds |= sums[m * shape.slices + s].w; }
  if (kinds == 2u) { _ = settle(m); } else { rows[row_of(m) * shape.vocab] = FAULTY; }
}
