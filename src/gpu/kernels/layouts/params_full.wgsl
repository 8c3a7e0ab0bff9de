// Scale and min of a group in single precision.
@group(0) @binding(4) var<storage, read> params: array<vec2<f32>>;
fn affine(row: u32, group: u32) -> vec2<f32> {
  return params[row * shape.params_row_stride + group * shape.params_stride];
}
