@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>; // as merge.wgsl has it

// Quad i of a row of attention's output.
fn merged(m: u32, i: u32) -> vec4<f32> {
  let sight = sight_of(m);
  var mark = NO_MARK;
  var sum = vec4<f32>();
  for (var chunk = sight.x / CHUNK; chunk * CHUNK < sight.y; chunk++) {
    let at = partial_at(chunk, m, i / QUADS);
    let step = merge(mark, partials[at + QUADS].xy);
    mark = step.mark;
    sum = fma(partials[at + i % QUADS], vec4<f32>(step.weight), sum * step.fade);
  }
  return sum / mark.y;
}
