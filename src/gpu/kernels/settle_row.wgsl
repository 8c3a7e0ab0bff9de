// Gives what rounding took from row m to its greatest probability, the first of equal ones: the row's sum becomes ONE.
// Returns the greatest.
@group(0) @binding(1) var<storage, read> sums: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> floors: array<u32>;

fn settle(m: u32) -> u32 {
  let first = m * shape.slices;
  var top = 0u;
  var total = 0u;
  for (var s = 0u; s < shape.slices; s++) {
    if (sums[first + s].y > sums[first + top].y) { top = s; }
    total += floors[first + s];
  }
  let at = min(sums[first + top].z, shape.vocab - 1u);
  let greatest = row_of(m) * shape.vocab + at;
  rows[greatest] += ONE - total;
  floors[first + top] += ONE - total;
  return rows[greatest];
}
