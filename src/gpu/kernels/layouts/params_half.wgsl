// Scale and min of a group, halves in one word.
@group(0) @binding(4) var<storage, read> params: array<u32>;
fn affine(row: u32, group: u32) -> vec2<f32> {
  return unpack2x16float(params[row * shape.params_row_stride + group * shape.params_stride]);
}
