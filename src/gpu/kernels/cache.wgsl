// Where a layer's keys and values lie (gpu/cache.rs), in quads of elements: chunks of {{ chunk }} positions; of each the keys
// [kv_head, quad, position], then the values [kv_head, position, quad]. A quad is {% if half %}two words of two halves{% else %}four words{% endif %}.
const CHUNK = {{ chunk }}u;
const QUADS = {{ head_dim // 4 }}u; // of a head

// The first quad of a head's key at the first position of a chunk; the next quad of the key is CHUNK quads on.
fn keys_at(kv_heads: u32, chunk: u32, kv_head: u32) -> u32 {
  return (chunk * 2u * kv_heads + kv_head) * QUADS * CHUNK;
}

// The first quad of a head's value at the first position of a chunk; the next position is QUADS quads on.
fn values_at(kv_heads: u32, chunk: u32, kv_head: u32) -> u32 {
  return keys_at(kv_heads, chunk, kv_heads + kv_head);
}
