// settle: every row of P sums to exactly 2^31. Dispatch: (1), workgroup 64 (at least M).
{% include "pass.wgsl" %}
{% include "sampling.wgsl" %}
{% include "row_shape.wgsl" %}
{% include "settle_row.wgsl" %}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) m: u32) {
  if (!idle() && m < {{ M }}u) { _ = settle(m); }
}
