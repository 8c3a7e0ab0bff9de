// Whole numbers of 64 bits as (low, high), which WGSL lacks.
fn product(a: u32, b: u32) -> vec2<u32> {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let ll = al * bl;
  let lh = al * bh;
  let hl = ah * bl;
  let middle = (ll >> 16u) + (lh & 0xffffu) + (hl & 0xffffu);
  let high = ah * bh + (lh >> 16u) + (hl >> 16u) + (middle >> 16u);
  return vec2<u32>(a * b, high);
}

fn plus(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn minus(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn less(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}

// a * 2^31
fn times_one(a: u32) -> vec2<u32> { return vec2<u32>(a << 31u, a >> 1u); }

// (a * b) >> 32 of a 64-bit a.
fn scaled(a: vec2<u32>, b: u32) -> vec2<u32> {
  return plus(product(a.y, b), vec2<u32>(product(a.x, b).y, 0u));
}

// (n / d, n mod d) of n < d * 2^31.
fn divided(n: vec2<u32>, d: u32) -> vec2<u32> {
  var rest = (n.y << 1u) | (n.x >> 31u);
  var quotient = 0u;
  for (var bit = 30i; bit >= 0i; bit--) {
    let carry = rest >> 31u;
    rest = (rest << 1u) | ((n.x >> u32(bit)) & 1u);
    quotient <<= 1u;
    if (carry == 1u || rest >= d) {
      rest -= d;
      quotient |= 1u;
    }
  }
  return vec2<u32>(quotient, rest);
}
