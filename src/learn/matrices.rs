//! The CPU engine's model as the target of a draft that learns: rows are dequantized as they are asked for.

use super::core::Matrices;
use crate::cpu::Model;
use crate::model::Config;

impl Matrices for Model {
    fn config(&self) -> &Config {
        Model::config(self)
    }

    fn has_head_bias(&self) -> bool {
        Model::has_head_bias(self)
    }

    fn embedding_rows(&self, ids: &[u32], out: &mut [f32]) {
        rows(ids, out, self.config().width, |id, row| self.embedding_row(id, row));
    }

    fn head_rows(&self, ids: &[u32], out: &mut [f32]) {
        rows(ids, out, self.config().width, |id, row| self.head_row(id, row));
    }
}

fn rows(ids: &[u32], out: &mut [f32], width: usize, row: impl Fn(u32, &mut [f32])) {
    assert_eq!(out.len(), ids.len() * width, "{} rows of {width} values", ids.len());
    ids.iter().zip(out.chunks_exact_mut(width)).for_each(|(id, out)| row(*id, out));
}
