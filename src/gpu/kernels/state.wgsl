// Where a sequence stands. Kernels read and write it, so that no round waits for the host (gpu/session).
struct State {
  length: u32,      // tokens[length] is the last committed token: what the target's cache lacks
  cursor: u32,      // where the draft stands: tokens[cursor] is the token it reads next
  drafted: u32,     // tokens proposed in this round; until the draft stops, those that are asked of it
  point_mass: u32,  // 1: the proposal has no draft law (found in a text); it stands for itself
  lookup: u32,      // most tokens asked of the lookup, of the draft model: in this round and those behind it
  model: u32,
  limit: u32,       // most tokens of the context, prompt and answer
  epoch: u32,       // rounds since the seed was set: part of every random counter
  seed: vec2<u32>,
  halted: vec2<u32>, // not 0: nothing more to do for the target's kernels, for the draft's
  read: u32,        // tokens that the draft has read
  own: u32,         // 1: also those of its own proposal, where they are accepted; 0: it reads them again, with the target's states
}
const STOPPED = 1u;  // a stop token was committed
const FULL = 2u;     // the context has reached its limit
const FAULT = 4u;   // the target's logits are not finite (sampling/sound.rs)
const UNSURE = 3u;   // the draft would rather not go on (halted.y only)
const FOUND = 5u;    // the lookup has proposed: the draft only reads on (halted.y only)
