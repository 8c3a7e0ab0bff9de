// The greatest logit of a slice of a row's vocabulary: what argmax.wgsl writes, select.wgsl and accept.wgsl read.
struct Shape {
  vocab: u32,
  slices: u32,
}
struct Best {
  value: f32,
  index: u32,
}
const NOTHING = 0xffffffffu; // index of a slice without a finite logit
const FAULTY = 0xfffffffeu;  // index of a slice with a logit that is no number
@group(0) @binding(0) var<uniform> shape: Shape;
