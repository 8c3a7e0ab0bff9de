//! One transformer layer.

use super::activations::Activations;
use super::cache::Cache;
use super::matrix::Matrix;
use super::ops::attention::{Sight, attend, scratch_len};
use super::ops::gate::gate;
use super::ops::matvec::matvecs;
use super::ops::norm::{rms_norm, rms_norm_in_place};
use super::ops::rope::rotate;
use super::scratch::{Scratch, take};
use super::simd::Level;
use super::team::{Shared, Team};
use crate::model::{self, Attention, Config, Mixer, Mlp};

/// Positions times elements of queries from which on attention is shared: tens of microseconds.
const WORTH_SHARING: usize = 1 << 15;

/// A layer's weights.
pub(super) struct Layer {
    pub plan: model::Layer,
    pub attention_norm: Vec<f32>,
    pub q: Projection,
    pub k: Projection,
    pub v: Projection,
    pub attention_output: Projection,
    /// Of what attention adds, where the plan norms that.
    pub attention_post_norm: Option<Vec<f32>>,
    pub mlp_norm: Vec<f32>,
    pub gate: Projection,
    pub up: Projection,
    pub down: Projection,
    /// Of what the MLP adds.
    pub mlp_post_norm: Option<Vec<f32>>,
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
pub(super) struct Place<'a> {
    /// Which of the pass's caches it reads and writes.
    pub cache: usize,
    /// What it sees there, itself the last.
    pub sight: Sight<'a>,
}

impl Place<'_> {
    /// A row that sees all slots before its own.
    pub fn at(cache: usize, position: usize) -> Self {
        Self { cache, sight: Sight { position, path: &[] } }
    }
}

/// Where the rows of a pass stand. Rows of one cache are in ascending order of their slots.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub config: &'a Config,
    pub level: Level,
    pub team: &'a Team,
    /// Of each rope of the plan, `[cos, sin]` for each position and rotated pair.
    pub ropes: &'a [Vec<[f32; 2]>],
    /// One a row.
    pub places: &'a [Place<'a>],
}

impl Pass<'_> {
    /// Rotates the rows of `x`, the first of which is the pass's row `first`.
    fn rope(&self, attention: &Attention, x: &mut [f32], first: usize) {
        let (rope, table) = (&self.config.plan.ropes[attention.rope], &self.ropes[attention.rope]);
        let pairs = rope.dim / 2;
        let places = &self.places[first..];
        let width = x.len() / places.len();
        for (place, row) in places.iter().zip(x.chunks_exact_mut(width)) {
            let table = &table[place.sight.position * pairs..][..pairs];
            rotate(rope.style, table, row, attention.head_dim);
        }
    }
}

impl Projection {
    /// What follows the product with its matrix.
    fn finish(&self, pass: &Pass<'_>, out: &mut [f32]) {
        add_bias(out, self.bias.as_deref());
        if let Some(norm) = &self.norm {
            rms_norm_in_place(pass.level, out, norm, pass.config.rms_eps);
        }
    }
}

/// Each of the products of `x`, all at once.
fn project<const N: usize>(
    pass: &Pass<'_>,
    mut projections: [(&Projection, &mut [f32]); N],
    x: &[f32],
    quantized: &Activations,
) {
    let products = projections.each_mut().map(|(projection, out)| (&projection.matrix, &mut **out));
    matvecs(pass.team, pass.level, products, x, quantized);
    for (projection, out) in projections {
        projection.finish(pass, out);
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

/// `hidden += norm(branch)`; `branch` is overwritten.
fn add_branch(pass: &Pass<'_>, hidden: &mut [f32], branch: &mut [f32], norm: Option<&Vec<f32>>) {
    if let Some(norm) = norm {
        rms_norm_in_place(pass.level, branch, norm, pass.config.rms_eps);
    }
    add(hidden, branch);
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
        let Mixer::Attention(attention) = &self.plan.mixer;
        self.attend(attention, pass, index, live, caches, scratch);
        if live < pass.places.len() {
            self.mlp(pass, live, scratch);
        }
    }

    fn attend(
        &self,
        attention: &Attention,
        pass: &Pass<'_>,
        index: usize,
        live: usize,
        caches: &mut [&mut Cache],
        s: &mut Scratch,
    ) {
        let &Pass { config, level, places, .. } = pass;
        let rows = places.len();
        let (width, q_width, kv_width) = (config.width, attention.q_width(), attention.kv_width());

        let normed = take(&mut s.normed, rows * width);
        rms_norm(level, &s.hidden[..rows * width], &self.attention_norm, config.rms_eps, normed);
        let k = take(&mut s.k, rows * kv_width);
        let v = take(&mut s.v, rows * kv_width);
        let alive = rows - live;
        let q = take(&mut s.q, alive * q_width);
        prepare(level, &mut s.quantized, normed, &[&self.q.matrix, &self.k.matrix, &self.v.matrix]);
        if live == 0 {
            project(pass, [(&self.k, k), (&self.v, v), (&self.q, q)], normed, &s.quantized);
        } else {
            project(pass, [(&self.k, k), (&self.v, v)], normed, &s.quantized);
        }
        pass.rope(attention, k, 0);
        let written = k.chunks_exact(kv_width).zip(v.chunks_exact(kv_width));
        for (place, (k, v)) in places.iter().zip(written) {
            caches[place.cache].write(index, place.sight.slot(), k, v);
        }
        if alive == 0 {
            return;
        }

        let normed = &mut normed[live * width..];
        if live > 0 {
            prepare(level, &mut s.quantized, normed, &[&self.q.matrix]);
            project(pass, [(&self.q, q)], normed, &s.quantized);
        }
        pass.rope(attention, q, live);
        let context = take(&mut s.context, alive * q_width);
        read_cache(attention, pass, index, live, caches, q, &mut s.attention, context);

        prepare(level, &mut s.quantized, context, &[&self.attention_output.matrix]);
        project(pass, [(&self.attention_output, normed)], context, &s.quantized);
        let hidden = &mut s.hidden[live * width..rows * width];
        add_branch(pass, hidden, normed, self.attention_post_norm.as_ref());
    }

    fn mlp(&self, pass: &Pass<'_>, live: usize, s: &mut Scratch) {
        let &Pass { config, level, places, .. } = pass;
        let Mlp::Gated { ff, activation } = self.plan.mlp;
        let (rows, width) = (places.len(), config.width);
        let alive = rows - live;
        let normed = &mut take(&mut s.normed, rows * width)[live * width..];
        let hidden = &mut s.hidden[live * width..rows * width];
        rms_norm(level, hidden, &self.mlp_norm, config.rms_eps, normed);
        prepare(level, &mut s.quantized, normed, &[&self.gate.matrix, &self.up.matrix]);
        let inner = take(&mut s.gate, alive * ff);
        let up = take(&mut s.up, alive * ff);
        project(pass, [(&self.gate, inner), (&self.up, up)], normed, &s.quantized);
        gate(level, activation, inner, up);
        prepare(level, &mut s.quantized, inner, &[&self.down.matrix]);
        project(pass, [(&self.down, normed)], inner, &s.quantized);
        add_branch(pass, hidden, normed, self.mlp_post_norm.as_ref());
    }
}

/// Attention of the rows from `live` on.
#[allow(clippy::too_many_arguments, reason = "one call, and each is another thing")]
fn read_cache(
    attention: &Attention,
    pass: &Pass<'_>,
    layer: usize,
    live: usize,
    caches: &[&mut Cache],
    q: &[f32],
    scratch: &mut Vec<f32>,
    out: &mut [f32],
) {
    let shared = attention.heads / attention.kv_heads;
    let group = shared * attention.head_dim;
    let width = attention.q_width();
    let places = &pass.places[live..];
    let longest = places.iter().map(|place| place.sight.slot() + 1).max().unwrap_or(0);
    let room = scratch_len(attention, shared, longest);
    let scratch = Shared::new(take(scratch, pass.team.threads() * room));
    let out = Shared::new(out);
    // One key/value head after the other, as its keys and values are then nearest.
    let one = |part: usize, member: usize| {
        let (kv_head, row) = (part / places.len(), part % places.len());
        let (place, begin) = (places[row], row * width + kv_head * group);
        let head = caches[place.cache].head(layer, kv_head);
        // SAFETY: no other part has this row's heads, and a member does one part at a time.
        let (scratch, out) =
            unsafe { (scratch.slice(member * room..(member + 1) * room), out.slice(begin..begin + group)) };
        attend(pass.level, attention, head, place.sight, &q[begin..begin + group], scratch, out);
    };
    let parts = attention.kv_heads * places.len();
    if parts * group * longest < WORTH_SHARING {
        (0..parts).for_each(|part| one(part, 0));
    } else {
        pass.team.run(parts, &one);
    }
}
