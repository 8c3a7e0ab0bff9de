// gather: copies the rows ids[..] of one part of a matrix's words to the rows of one part of another, at load.
//
// Dispatch: (ceil(words / 64), rows of the part that is written), workgroup 64.
struct Shape {
  words: u32,      // words of a row
  word_major: u32, // 1: word w of row r is at [w * rows + r], 0: at [r * words + w]
  from_first: u32, // first row of the part that is read
  from_rows: u32,
  to_first: u32,   // first row of the part that is written
  to_rows: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read_write> copy: array<u32>;

fn at(row: u32, word: u32, rows: u32) -> u32 {
  return select(row * shape.words + word, word * rows + row, shape.word_major == 1u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.words || id.y >= shape.to_rows) { return; }
  let row = ids[shape.to_first + id.y];
  if (row < shape.from_first || row - shape.from_first >= shape.from_rows) { return; }
  copy[at(id.y, id.x, shape.to_rows)] = source[at(row - shape.from_first, id.x, shape.from_rows)];
}
