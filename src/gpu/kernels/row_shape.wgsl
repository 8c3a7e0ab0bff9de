// Rows of probabilities in slices of {{ slice }}. A draft's row is the one of its step; a target's rows are the pass's.
struct RowShape {
  vocab: u32,
  slices: u32,
}
@group(0) @binding(0) var<uniform> shape: RowShape;

fn row_of(m: u32) -> u32 { return select(m, state.cursor - state.length, drafts()); }
