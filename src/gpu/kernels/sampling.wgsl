// What is asked of the sampler (gpu/sampler.rs: words): written once a generation.
struct Sampling {
  inverse_temperature: f32,
  top_k: u32,   // 0: all
  top_p: u32,   // in units of ONE
  min_p: u32,   // in units of ONE
  repeat: f32,
  presence: f32,
  frequency: f32,
  window: u32,  // tokens of history that penalties look at, 0 without penalties
  biases: u32,
  stops: u32,
  confidence: f32, // the draft stops before a token that it gives less than this
  lenience: u32, // of lossy verification: lenient.wgsl, or accept.wgsl's margin
  stop: array<u32, {{ max_stops }}>,
  bias: array<vec2<u32>, {{ max_biases }}>, // (id, bits of the bias)
}
const ONE = 0x80000000u; // a probability of 1
