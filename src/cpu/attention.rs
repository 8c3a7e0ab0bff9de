//! Attention of one row of queries over the cached positions, the query heads that share a key/value head together.
//!
//! Scores are summed over the head's elements in ascending order, outputs over positions in ascending order, each in a
//! lane of its own. The softmax subtracts the maximum; its denominator is summed in eight lanes, position `p` in lane
//! `p mod 8`. A row's result depends on nothing but its query and the positions it sees.

use super::cache::Head;
use super::math::{exp, sum};
use super::simd::{Lanes, Level, Op, dispatch};

/// `out[h] = softmax(q[h] . keys / sqrt(head_dim)) . values` over positions `0..len`, for each of the query heads in `q`.
/// `scores` is scratch of [`scores_len`] values.
pub fn attend(
    level: Level,
    head: Head<'_>,
    len: usize,
    head_dim: usize,
    q: &[f32],
    scores: &mut [f32],
    out: &mut [f32],
) {
    dispatch(level, Attend { head, len, head_dim, q, scores, out });
}

/// Scratch that [`attend`] needs for `heads` query heads over `len` positions.
pub fn scores_len(heads: usize, len: usize) -> usize {
    heads * len.next_multiple_of(8)
}

struct Attend<'a> {
    head: Head<'a>,
    len: usize,
    head_dim: usize,
    q: &'a [f32],
    scores: &'a mut [f32],
    out: &'a mut [f32],
}

impl Op for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let heads = self.q.len() / self.head_dim;
        let mut first = 0;
        while first < heads {
            match heads - first {
                1 => first += self.heads::<L, 1>(lanes, first),
                2 => first += self.heads::<L, 2>(lanes, first),
                3 => first += self.heads::<L, 3>(lanes, first),
                _ => first += self.heads::<L, 4>(lanes, first),
            }
        }
    }
}

impl Attend<'_> {
    /// Query heads `first..first + H`.
    #[inline(always)]
    fn heads<L: Lanes, const H: usize>(&mut self, lanes: L, first: usize) -> usize {
        let dim = self.head_dim;
        let q: [&[f32]; H] = std::array::from_fn(|h| &self.q[(first + h) * dim..][..dim]);
        let padded = self.len.next_multiple_of(8);
        let scores = &mut self.scores[..H * padded];
        let scale = 1.0 / (dim as f32).sqrt();

        for (at, keys) in self.head.keys.chunks_exact(dim).take(padded / 8).enumerate() {
            for part in 0..L::PARTS {
                let mut acc = [lanes.splat(0.0); H];
                for (d, key) in keys.iter().enumerate() {
                    let key = lanes.load(key, part);
                    for h in 0..H {
                        acc[h] = lanes.add(acc[h], lanes.mul(key, lanes.splat(q[h][d])));
                    }
                }
                for h in 0..H {
                    let out = &mut scores[h * padded..][..padded].as_chunks_mut::<8>().0[at];
                    lanes.store(lanes.mul(acc[h], lanes.splat(scale)), out, part);
                }
            }
        }

        let mut inverse = [0.0; H];
        for (inverse, scores) in inverse.iter_mut().zip(scores.chunks_exact_mut(padded)) {
            *inverse = 1.0 / softmax_numerators(scores, self.len);
        }

        let stride = dim.div_ceil(8);
        let p: [&[f32]; H] = std::array::from_fn(|h| &scores[h * padded..][..self.len]);
        for j in 0..stride {
            for part in 0..L::PARTS {
                let mut acc = [lanes.splat(0.0); H];
                for position in 0..self.len {
                    let value = lanes.load(&self.head.values[position * stride + j], part);
                    for h in 0..H {
                        acc[h] = lanes.add(acc[h], lanes.mul(value, lanes.splat(p[h][position])));
                    }
                }
                for h in 0..H {
                    let mut values = [0.0; 8];
                    lanes.store(lanes.mul(acc[h], lanes.splat(inverse[h])), &mut values, part);
                    let width = 8 / L::PARTS;
                    let out = &mut self.out[(first + h) * dim..][..dim][8 * j..];
                    let values = values.iter().skip(part * width).take(width);
                    out.iter_mut().skip(part * width).zip(values).for_each(|(o, v)| *o = *v);
                }
            }
        }
        H
    }
}

/// Replaces the first `len` scores by `e^(score - max)`, the rest by 0, and returns the sum.
#[inline(always)]
fn softmax_numerators(scores: &mut [f32], len: usize) -> f32 {
    scores[len..].fill(f32::NEG_INFINITY);
    let (chunks, _) = scores.as_chunks_mut::<8>();
    let mut lanes = [f32::NEG_INFINITY; 8];
    for chunk in chunks.iter() {
        for (m, s) in lanes.iter_mut().zip(chunk) {
            *m = if *m < *s { *s } else { *m };
        }
    }
    let max = lanes.iter().fold(f32::NEG_INFINITY, |m, s| if m < *s { *s } else { m });
    for chunk in chunks.iter_mut() {
        for s in chunk {
            *s = exp(*s - max);
        }
    }
    scores[len..].fill(0.0);
    let mut lanes = [0.0_f32; 8];
    for chunk in scores.as_chunks::<8>().0 {
        for (total, s) in lanes.iter_mut().zip(chunk) {
            *total += s;
        }
    }
    sum(lanes)
}
