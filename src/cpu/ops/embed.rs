//! Rows of the embedding.

use crate::cpu::Matrix;

/// `out = scale * table[id]`, dequantized.
///
/// # Panics
/// When there is no such row.
pub fn embed(table: &Matrix, id: u32, scale: f32, out: &mut [f32]) {
    assert!((id as usize) < table.rows(), "token {id} of {}", table.rows());
    table.row(id as usize, out);
    if scale != 1.0 {
        out.iter_mut().for_each(|x| *x *= scale);
    }
}
