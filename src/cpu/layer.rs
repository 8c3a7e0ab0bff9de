//! One transformer layer.

use super::activations::Activations;
use super::cache::Cache;
use super::matrix::Matrix;
use super::matvec::matvec;
use super::norm::{rms_norm, rms_norm_in_place};
use super::rope::rotate;
use super::scratch::{Scratch, take};
use super::simd::Level;
use super::{attention, mlp};
use crate::model::Config;

/// A layer's weights.
pub(super) struct Layer {
    pub attention_norm: Vec<f32>,
    pub q: Projection,
    pub k: Projection,
    pub v: Projection,
    pub attention_output: Projection,
    pub mlp_norm: Vec<f32>,
    pub gate: Projection,
    pub up: Projection,
    pub down: Projection,
}

/// A matrix with what some models add to it.
pub(super) struct Projection {
    pub matrix: Matrix,
    /// One number an output.
    pub bias: Option<Vec<f32>>,
    /// Weight of the norm of each head of queries or keys (qwen3).
    pub norm: Option<Vec<f32>>,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Which of the pass's caches it reads and writes.
    pub cache: usize,
    /// Its position there.
    pub position: usize,
}

/// Where the rows of a pass stand. Rows of one cache are in ascending order of their positions.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub config: &'a Config,
    pub level: Level,
    /// `[cos, sin]` for each position and rotated pair.
    pub rope: &'a [[f32; 2]],
    /// One a row.
    pub places: &'a [Place],
}

impl Pass<'_> {
    /// Rotates the rows of `x`, the first of which is the pass's row `first`.
    fn rope(&self, x: &mut [f32], first: usize) {
        let pairs = self.config.rope.dim / 2;
        let places = &self.places[first..];
        let width = x.len() / places.len();
        for (place, row) in places.iter().zip(x.chunks_exact_mut(width)) {
            let table = &self.rope[place.position * pairs..][..pairs];
            rotate(self.config.rope.style, table, row, self.config.head_dim);
        }
    }
}

impl Projection {
    fn apply(&self, pass: &Pass<'_>, x: &[f32], quantized: &Activations, out: &mut [f32]) {
        matvec(pass.level, &self.matrix, x, quantized, out);
        add_bias(out, self.bias.as_deref());
        if let Some(norm) = &self.norm {
            rms_norm_in_place(pass.level, out, norm, pass.config.rms_eps);
        }
    }
}

/// Quantizes the rows of `x` if one of the matrices that will read them is quantized.
pub(super) fn prepare(level: Level, quantized: &mut Activations, x: &[f32], readers: &[&Matrix]) {
    if let Some(matrix) = readers.iter().find(|m| m.is_quantized()) {
        quantized.quantize(level, x, matrix.columns());
    }
}

/// Adds `bias`, if there is one, to each row of `out`.
pub(super) fn add_bias(out: &mut [f32], bias: Option<&[f32]>) {
    if let Some(bias) = bias {
        out.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

impl Layer {
    /// Writes the rows' keys and values to their caches, and takes the residual stream of the rows from `live` on through
    /// the layer. Earlier rows are left as they are: nothing after the last layer reads them.
    pub fn forward(
        &self,
        pass: &Pass<'_>,
        index: usize,
        live: usize,
        caches: &mut [&mut Cache],
        scratch: &mut Scratch,
    ) {
        let &Pass { config, level, places, .. } = pass;
        let rows = places.len();
        let (width, q_width, kv_width) = (config.width, config.q_width(), config.kv_width());
        let s = scratch;

        let normed = take(&mut s.normed, rows * width);
        rms_norm(level, &s.hidden[..rows * width], &self.attention_norm, config.rms_eps, normed);
        let k = take(&mut s.k, rows * kv_width);
        let v = take(&mut s.v, rows * kv_width);
        prepare(level, &mut s.quantized, normed, &[&self.q.matrix, &self.k.matrix, &self.v.matrix]);
        self.k.apply(pass, normed, &s.quantized, k);
        self.v.apply(pass, normed, &s.quantized, v);
        pass.rope(k, 0);
        let written = k.chunks_exact(kv_width).zip(v.chunks_exact(kv_width));
        for (place, (k, v)) in places.iter().zip(written) {
            caches[place.cache].write(index, place.position, k, v);
        }
        if live == rows {
            return;
        }

        let alive = rows - live;
        let normed = &mut normed[live * width..];
        if live > 0 {
            prepare(level, &mut s.quantized, normed, &[&self.q.matrix]);
        }
        let q = take(&mut s.q, alive * q_width);
        self.q.apply(pass, normed, &s.quantized, q);
        pass.rope(q, live);
        let context = take(&mut s.context, alive * q_width);
        attend(pass, index, live, caches, q, &mut s.scores, context);

        prepare(level, &mut s.quantized, context, &[&self.attention_output.matrix]);
        self.attention_output.apply(pass, context, &s.quantized, normed);
        let hidden = &mut s.hidden[live * width..rows * width];
        add(hidden, normed);

        rms_norm(level, hidden, &self.mlp_norm, config.rms_eps, normed);
        prepare(level, &mut s.quantized, normed, &[&self.gate.matrix, &self.up.matrix]);
        let gate = take(&mut s.gate, alive * config.ff);
        let up = take(&mut s.up, alive * config.ff);
        self.gate.apply(pass, normed, &s.quantized, gate);
        self.up.apply(pass, normed, &s.quantized, up);
        mlp::silu_mul(level, gate, up);
        prepare(level, &mut s.quantized, gate, &[&self.down.matrix]);
        self.down.apply(pass, gate, &s.quantized, normed);
        add(hidden, normed);
    }
}

/// Attention of the rows from `live` on: each sees the positions up to its own.
fn attend(
    pass: &Pass<'_>,
    layer: usize,
    live: usize,
    caches: &[&mut Cache],
    q: &[f32],
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    let config = pass.config;
    let shared = config.heads / config.kv_heads;
    let group = shared * config.head_dim;
    let longest = pass.places.iter().map(|place| place.position + 1).max().unwrap_or(0);
    let scores = take(scores, attention::scores_len(shared, longest));
    for kv_head in 0..config.kv_heads {
        let rows = q.chunks_exact(config.q_width()).zip(out.chunks_exact_mut(config.q_width()));
        for (place, (q, out)) in pass.places[live..].iter().zip(rows) {
            let head = caches[place.cache].head(layer, kv_head);
            let range = kv_head * group..(kv_head + 1) * group;
            let (q, out) = (&q[range.clone()], &mut out[range]);
            attention::attend(pass.level, head, place.position + 1, config.head_dim, q, scores, out);
        }
    }
}
