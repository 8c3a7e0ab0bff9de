// f(p) >= p of lossy verification (arXiv 2310.08461): what a token's probability counts as in the test.
// Expects sampling.wgsl, wide.wgsl and `sampling`.
fn lenient(p: u32) -> u32 {
{%- if lenience == "factor" %}
  // p times a whole number of 2^-16.
  let raised = product(p, sampling.lenience);
  if (raised.y >= 0x8000u) { return ONE; }
  return (raised.y << 16u) | (raised.x >> 16u);
{%- elif lenience == "power" %}
  if (p == 0u || p == ONE) { return p; }
  let raised = pow(f32(p) / f32(ONE), bitcast<f32>(sampling.lenience));
  return max(u32(min(raised, 1.0) * f32(ONE)), p);
{%- else %}
  return p;
{%- endif %}
}
