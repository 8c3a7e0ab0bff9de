
// The greatest logit of row m and the sum of exp((logit - it) / T), from the slices of softmax.wgsl in order.
// Expects sampling.wgsl, `shape.slices`, `masses` and `sampling`.
fn mass_of_row(m: u32) -> vec2<f32> {
  let first = m * shape.slices;
  var top = masses[first].x;
  for (var s = 1u; s < shape.slices; s++) { top = max(top, masses[first + s].x); }
  var total = 0.0;
  for (var s = 0u; s < shape.slices; s++) {
    total += masses[first + s].y * exp((masses[first + s].x - top) * sampling.inverse_temperature);
  }
  return vec2<f32>(top, total);
}
