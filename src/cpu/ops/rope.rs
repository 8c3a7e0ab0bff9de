//! Rotary embedding of q and k, from the table that [`Rope::table`](crate::model::Rope::table) makes.

use crate::model::RopeStyle;

/// Rotates every head of one position's q or k in place. `table` is the position's `[cos, sin]` pairs; elements of a
/// head beyond `2 * table.len()` pass through.
pub fn rotate(style: RopeStyle, table: &[[f32; 2]], x: &mut [f32], head_dim: usize) {
    for head in x.chunks_exact_mut(head_dim) {
        match style {
            RopeStyle::Interleaved => {
                for ([a, b], [cos, sin]) in head.as_chunks_mut::<2>().0.iter_mut().zip(table) {
                    (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                }
            }
            RopeStyle::Halves => {
                let (first, second) = head.split_at_mut(table.len());
                for ((a, b), [cos, sin]) in first.iter_mut().zip(second).zip(table) {
                    (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                }
            }
        }
    }
}
